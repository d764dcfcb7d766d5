"""What mentalglm.json says: tasks, hashes of what was trained on and onto, and which run it was."""

from pathlib import Path

from mentalglm.models import weights_hash
from tests.tiny import save_tiny
from train.config import TrainConfig
from train.describe import corpus_hash, describe_run


def test_the_corpus_hash_is_taken_from_the_folder(tmp_path: Path) -> None:
    assert corpus_hash(tmp_path) is None
    (tmp_path / "corpus.sha256").write_text("abc123  train.parquet\n", encoding="utf-8")
    assert corpus_hash(tmp_path) == "abc123"


def test_an_adapter_names_the_weights_below_it(tmp_path: Path) -> None:
    base = save_tiny(tmp_path / "base")
    for settings in ({"lora": {}}, {"adapter": tmp_path}):
        config = TrainConfig(output_dir=tmp_path, model=str(base), data=tmp_path, **settings)
        assert describe_run(config, [])["base_sha256"] == weights_hash(base)
    whole = TrainConfig(output_dir=tmp_path, model=str(base), data=tmp_path)
    assert describe_run(whole, [])["base_sha256"] is None


def test_rows_or_the_names_of_their_tasks_say_the_same(tmp_path: Path) -> None:
    config = TrainConfig(output_dir=tmp_path, model="base", data=tmp_path)
    by_rows = describe_run(config, [{"task": "suicide_risk"}, {"task": "dialogue"}], steps=7)
    assert by_rows == describe_run(config, ["suicide_risk", "dialogue"], steps=7)
    assert (by_rows["tasks"], by_rows["steps"]) == (["suicide_risk"], 7)


def test_a_hash_is_made_anew_when_the_file_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"one")
    first = weights_hash(tmp_path)
    assert weights_hash(tmp_path) == first
    file.write_bytes(b"three")
    assert weights_hash(tmp_path) != first


def test_a_corpus_that_no_build_has_hashed_is_known_by_its_rows(tmp_path: Path) -> None:
    (tmp_path / "train.parquet").write_bytes(b"rows")
    first = corpus_hash(tmp_path)
    assert first is not None and len(first) == 64
    (tmp_path / "train.parquet").write_bytes(b"other rows")
    assert corpus_hash(tmp_path) != first
