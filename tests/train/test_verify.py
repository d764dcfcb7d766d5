"""What was saved is opened again: whatever is not what was trained is found, and does not take the model's place."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from mentalglm.errors import UserError
from tests.tiny import TASKS, save_tiny
from train import save
from train.config import TrainConfig
from train.gather import bare_model, gathered_weights
from train.model import starting_model
from train.verify import Probe, probe_model, verify_saved

Change = Callable[[dict[str, torch.Tensor]], None]
A = "base_model.model.model.layers.0.mlp.gate_up_proj.lora_A.weight"
B = A.replace("lora_A", "lora_B")
NORM = "model.norm.weight"


class Saved:
    """A model in memory, and the folder it was saved to."""

    def __init__(self, place: Path, **changed: Any) -> None:
        base = save_tiny(place / "base") if not (place / "base").is_dir() else place / "base"
        self.config = TrainConfig(output_dir=place, model=str(base), data=place, **changed)
        self.model, self.tokenizer = starting_model(self.config, {})
        for name, weight in self.model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.1)
        self.folder = save.save_model(self.model, self.tokenizer, self.config, TASKS)

    @property
    def file(self) -> Path:
        [path] = self.folder.glob("*.safetensors")
        return path

    def verify(self) -> None:
        """Holds the folder against the model in memory, weight by weight and by its answer."""
        kind = torch.bfloat16 if self.config.save_dtype == "bf16" else torch.float32
        weights = gathered_weights(bare_model(self.model), kind, self.config.trains_adapter)
        verify_saved(self.folder, self.config, probe_model(self.model, self.tokenizer), weights)

    def verdict(self, change: Change | None = None, said: bool = True) -> str:
        """What is said of the folder after its weights were changed."""
        weights = load_file(self.file)
        if change:
            change(weights)
        save_file(weights, self.file, {"format": "pt"})
        trained = probe_model(self.model, self.tokenizer)
        with pytest.raises(UserError) as caught:
            verify_saved(self.folder, self.config, trained, {})
        assert "\n" not in str(caught.value)
        return str(caught.value)


@pytest.fixture
def adapter(tmp_path: Path) -> Saved:
    return Saved(tmp_path, lora={"r": 4})


@pytest.fixture
def whole(tmp_path: Path) -> Saved:
    return Saved(tmp_path)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"dtype": "bf16", "save_dtype": "bf16"},
        {"save_dtype": "bf16"},
        {"lora": {}},
        {"lora": {"use_dora": True}},
        {"lora": {"use_rslora": True}, "dtype": "bf16", "save_dtype": "bf16"},
        {"lora": {"target_modules": ["q_proj"]}},
    ],
)
def test_what_was_saved_is_what_was_trained(tmp_path: Path, settings: dict[str, Any]) -> None:
    Saved(tmp_path, **settings).verify()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda w: w.clear() or w.update(x=torch.ones(1)), "24 weights belong there, 1 are there"),
        (lambda w: w.pop(A), f"24 weights belong there, 23 are there; the first that differs is {A}"),
        (lambda w: w.update(other=torch.ones(1)), "25 are there; the first that differs is other"),
        (lambda w: w.update({A: torch.empty(0)}), f"{A} has the shape (0,), not (4, 32)"),
        (lambda w: w.update({B: w[B].T.contiguous()}), f"{B} has the shape (4, 128), not (128, 4)"),
        (lambda w: w[A].view(-1)[5].fill_(float("nan")), f"{A} holds values that are not finite"),
        (lambda w: w[B].view(-1)[5].fill_(float("inf")), f"{B} holds values that are not finite"),
        (lambda w: [v.zero_() for k, v in w.items() if "lora_B" in k], "every B of the adapter is zero"),
        (lambda w: [v.neg_() for k, v in w.items() if "lora_B" in k], "its logits differ by"),
    ],
)
def test_a_wrong_adapter_is_found(adapter: Saved, change: Change, expected: str) -> None:
    said = adapter.verdict(change)
    assert said.startswith("what was saved is not what was trained: ")
    assert expected in said


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda w: w.pop(NORM), f"the first that differs is {NORM}"),
        (lambda w: w.update({f"module.{NORM}": w.pop(NORM)}), "18 weights belong there, 18 are there"),
        (lambda w: w[NORM].view(-1)[5].fill_(float("nan")), f"{NORM} holds values that are not finite"),
        (lambda w: w[NORM].mul_(-1), "its logits differ by"),
    ],
)
def test_a_wrong_model_is_found(whole: Saved, change: Change, expected: str) -> None:
    assert expected in whole.verdict(change)


def test_one_changed_value_is_found_though_no_answer_shows_it(whole: Saved) -> None:
    weights = load_file(whole.file)
    weights[NORM][0] += 1e-6
    save_file(weights, whole.file, {"format": "pt"})
    with pytest.raises(UserError, match="has other values on disk"):
        whole.verify()


def test_another_template_is_found(whole: Saved) -> None:
    path = whole.folder / "chat_template.jinja"
    path.write_text(path.read_text("utf-8").replace("<sop>", "<sop>\n"), encoding="utf-8")
    assert "its tokenizer or chat template reads a question otherwise" in whole.verdict()


def test_a_folder_that_cannot_be_loaded_is_found(whole: Saved) -> None:
    (whole.folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UserError):
        whole.verify()


def test_the_model_is_left_in_the_mode_it_was_in(whole: Saved) -> None:
    for training in (True, False):
        whole.model.train(training)
        probe_model(whole.model, whole.tokenizer)
        assert whole.model.training is training


def test_without_room_for_a_second_model_that_is_said(
    whole: Saved, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("train.verify.device_with_room", lambda folder, config: None)
    capsys.readouterr()
    whole.verify()
    assert "the saved weights were compared, but not loaded and asked" in capsys.readouterr().err


def test_a_failure_keeps_the_old_model_and_puts_the_new_one_aside(
    adapter: Saved, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = adapter.file.read_bytes()
    asked = probe_model(adapter.model, adapter.tokenizer)
    monkeypatch.setattr(save, "probe_model", lambda model, tokenizer: Probe(asked.ids, asked.logits + 1))
    with pytest.raises(UserError, match=r"it is kept in .*model\.failed, and the last checkpoint is untouched"):
        save.save_model(adapter.model, adapter.tokenizer, adapter.config, TASKS)
    assert adapter.file.read_bytes() == before
    assert {path.name for path in adapter.folder.parent.iterdir()} == {"base", "model", "model.failed"}
    failed = adapter.folder.with_name("model.failed")
    assert json.loads((failed / "mentalglm.json").read_text("utf-8"))["tasks"]
    monkeypatch.undo()
    save.save_model(adapter.model, adapter.tokenizer, adapter.config, TASKS)
    assert not failed.exists()
