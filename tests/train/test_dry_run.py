"""``dry_run=true`` tells the plan: of a small model measured, of a large one from its settings alone."""

import re
from pathlib import Path
from typing import Any

import pytest

from mentalglm.errors import UserError
from tests.tiny import save_tiny, tiny_tokenizer
from tests.train.published_shapes import published_config
from tests.train.runs import write_instructions
from train.config import TrainConfig
from train.dry_run import dry_run
from train.engine import deepspeed_settings


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_instructions(tmp_path_factory.mktemp("dry") / "data")


@pytest.fixture(autouse=True)
def _on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")


def told(capsys: pytest.CaptureFixture[str], world: int = 1, **settings: Any) -> str:
    config = TrainConfig.model_validate({"max_seq_length": 128, "per_device_train_batch_size": 2} | settings)
    dry_run(config, deepspeed_settings(config, world), 0, world)
    return " ".join(capsys.readouterr().err.split())


def test_a_small_model_is_loaded_and_timed(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = save_tiny(tmp_path / "base")
    shown = told(capsys, output_dir=tmp_path / "out", model=str(base), data=data, num_train_epochs=20)
    assert "54,496 parameters, 54,496 trained (100.00%)" in shown
    assert "24 examples, 909 tokens" in shown
    assert "80 steps of 2 packs" in shown
    assert re.search(r"a rank at the peak", shown)
    assert re.search(r"time about \d+ (s|min) on cpu \(\d+\.\d\d s for a micro-step, measured", shown)
    assert "one sample" in shown
    assert "nothing was trained" in shown
    assert not (tmp_path / "out").exists()


def test_a_large_model_needs_no_weights(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "glm"
    published_config("zai-org/glm-4-9b-chat-hf").save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    shown = told(
        capsys, 8, output_dir=tmp_path / "out", model=str(folder), data=data, lora={}, dtype="bf16", num_train_epochs=9
    )
    assert re.search(r"9,4\d\d,\d{3},\d{3} parameters, \d\d,\d{3},\d{3} trained \(0\.2\d%\)", shown)
    assert "LoRA of rank 8, alpha 32, on down_proj gate_up_proj k_proj o_proj q_proj v_proj" in shown
    assert "8 ranks × 2 packs" in shown
    assert re.search(r"about (19|2\d)\.\d GiB a GPU at the peak weights 17\.6 GiB", shown)
    assert "time unknown" in shown


def test_stage_two_is_planned_from_the_adapter_it_goes_on_from(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from peft import LoraConfig

    folder = tmp_path / "glm"
    published_config("zai-org/glm-edge-1.5b-chat").save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=["q_proj"]).save_pretrained(tmp_path / "adapter")
    shown = told(
        capsys, output_dir=tmp_path / "out", model=str(folder), data=data, adapter=tmp_path / "adapter", dtype="bf16"
    )
    assert f"LoRA of rank 4, alpha 8, on q_proj, from {tmp_path / 'adapter'}" in shown


def test_other_ranks_say_nothing(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = TrainConfig(output_dir=tmp_path / "out", model="nowhere", data=data)
    dry_run(config, {}, 1, 2)
    assert capsys.readouterr().err == ""


def test_a_model_that_is_nowhere_is_one_line(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match="no-such-folder"):
        told(capsys, output_dir=tmp_path / "out", model=str(tmp_path / "no-such-folder"), data=data)


def test_data_that_fill_no_step_are_refused(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = save_tiny(tmp_path / "base")
    with pytest.raises(UserError, match="fill less than one step"):
        told(capsys, 64, output_dir=tmp_path / "out", model=str(base), data=data)
