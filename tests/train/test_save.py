"""What a run leaves behind can be loaded, answers as it did, knows where to stop, and says what it was taught."""

import json
import resource
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch

from mentalglm.errors import UserError
from mentalglm.models import load_model
from mentalglm.tasks import load_task, prompt_hash
from tests.tiny import TASKS, save_tiny, tiny_model, tiny_tokenizer
from train.config import TrainConfig
from train.read_config import load_config
from train.save import save_model
from train.tokenizer import STOP_TOKENS

IDS = torch.arange(7, 39)[None]


def saved(folder: Path, **settings: Any) -> Path:
    config = TrainConfig(output_dir=folder, model="base", data=folder, **settings)
    return save_model(deepcopy(tiny_model()), tiny_tokenizer(), config, TASKS)


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return torch.as_tensor(model(input_ids=IDS).logits)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("run")
    (run / "corpus.json").write_text(json.dumps({"style": "grounded", "tasks": list(TASKS)}), "utf-8")
    return saved(run)


def test_the_saved_model_gives_the_same_logits(folder: Path) -> None:
    loaded = load_model(str(folder))
    assert torch.equal(logits(loaded.model), logits(tiny_model()))
    assert loaded.tokenizer.get_vocab() == tiny_tokenizer().get_vocab()
    assert loaded.tokenizer.chat_template == tiny_tokenizer().chat_template
    assert loaded.tokenizer.model_max_length == tiny_tokenizer().model_max_length


def test_bf16_on_disk_is_half_the_size_and_nearly_the_same(folder: Path, tmp_path: Path) -> None:
    half = saved(tmp_path, save_dtype="bf16")
    sizes = [(path / "model.safetensors").stat().st_size for path in (half, folder)]
    assert sizes[0] < 0.6 * sizes[1]
    model = load_model(str(half)).model
    assert model.dtype == torch.float32
    assert torch.allclose(logits(model), logits(tiny_model()), atol=0.02)


def test_the_weights_in_training_stay_as_they_are(tmp_path: Path) -> None:
    config = TrainConfig(output_dir=tmp_path, model="base", data=tmp_path, save_dtype="bf16")
    model = deepcopy(tiny_model()).train()
    path = save_model(model, tiny_tokenizer(), config, TASKS)
    assert model.training and model.dtype == torch.float32
    for weight, before in zip(model.parameters(), tiny_model().parameters(), strict=True):
        assert torch.equal(weight, before)
    assert json.loads((path / "config.json").read_text("utf-8"))["dtype"] == "bfloat16"


def test_the_settings_beside_the_weights_give_the_same_run(folder: Path) -> None:
    config = load_config(folder / "training_config.yaml", [])
    assert config == TrainConfig(output_dir=folder.parent, model="base", data=folder.parent)


def test_only_the_tasks_trained_on_are_named(tmp_path: Path) -> None:
    (tmp_path / "corpus.json").write_text(json.dumps({"style": "grounded", "tasks": list(TASKS)}), "utf-8")
    said = json.loads((saved(tmp_path, task="suicide_risk") / "mentalglm.json").read_text("utf-8"))
    assert said["tasks"] == ["suicide_risk"]


@pytest.mark.parametrize("room", [1_000, 100_000, 250_000])
def test_a_full_disk_leaves_the_old_model(tmp_path: Path, room: int) -> None:
    """Wherever the disk is full: in the weights, in the tokenizer."""
    before = (saved(tmp_path) / "model.safetensors").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (min(room, len(before) - 1), limits[1]))
    try:
        with pytest.raises(UserError) as caught:
            saved(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "cannot be written" in str(caught.value) and "untouched" in str(caught.value)
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_all_stop_tokens_are_saved(folder: Path) -> None:
    stops = [tiny_tokenizer().convert_tokens_to_ids(token) for token in STOP_TOKENS]
    assert len(set(stops)) == 3
    for name in ("generation_config.json", "config.json"):
        assert json.loads((folder / name).read_text("utf-8"))["eos_token_id"] == stops
    assert load_model(str(folder)).model.generation_config.eos_token_id == stops


def test_mentalglm_json_says_what_was_taught(folder: Path) -> None:
    said = json.loads((folder / "mentalglm.json").read_text("utf-8"))
    assert said == load_model(str(folder)).manifest.model_dump()
    assert said["tasks"] == list(TASKS)
    assert said["style"] == "grounded"
    assert said["prompt_hash"] == {name: prompt_hash(load_task(name), "grounded") for name in TASKS}
    assert said["config"]["learning_rate"] == 1e-3
    assert said["config"]["seed"] == 0
    assert {"torch", "transformers", "deepspeed"} <= set(said["versions"])
    assert said["corpus_sha256"] is None and said["base_sha256"] is None and said["steps"] is None


def test_a_folder_without_corpus_json_is_known_by_its_rows(tmp_path: Path) -> None:
    config = TrainConfig(output_dir=tmp_path, model="base", data=tmp_path)
    path = save_model(deepcopy(tiny_model()), tiny_tokenizer(), config, ["dialogue", "depression", "depression"])
    said = json.loads((path / "mentalglm.json").read_text("utf-8"))
    assert said["tasks"] == ["depression"]
    assert said["style"] is None
    assert said["prompt_hash"] == {"depression": prompt_hash(load_task("depression"), "imhi")}


def test_a_second_save_replaces_the_first_and_leaves_nothing_behind(tmp_path: Path) -> None:
    first = saved(tmp_path)
    (first / "leftover").touch()
    (tmp_path / "model.partial").mkdir()
    assert saved(tmp_path) == first == tmp_path / "model"
    assert not (first / "leftover").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_the_tiny_folder_of_other_tests_looks_like_a_saved_one(folder: Path, tmp_path: Path) -> None:
    for_people = {"README.md", "training_config.yaml"}
    names = {path.name for path in save_tiny(tmp_path / "tiny").iterdir()}
    assert names == {path.name for path in folder.iterdir()} - for_people
