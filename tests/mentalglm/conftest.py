"""A tiny model on disk, and one whose weights are large enough that its answers depend on what it reads."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mentalglm.tasks import load_task, task_names
from tests.tiny import save_tiny, tiny_model


@pytest.fixture(scope="session")
def sharp_model() -> Any:
    """The tiny model, its weights drawn ten times wider: a fresh model expects every token about equally."""
    import torch

    model = copy.deepcopy(tiny_model())
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=0.25)
    return model


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory, sharp_model: Any) -> Path:
    """A model folder as training leaves it, with the sharp model's weights."""
    folder = save_tiny(tmp_path_factory.mktemp("model") / "tiny")
    sharp_model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def model_that_says(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Callable[..., Path]:
    """Makes a copy of the model that always gives some labels and never others, by its calibration's thresholds."""

    def make(*labels: str) -> Path:
        folder = tmp_path_factory.mktemp("says") / "tiny"
        folder.mkdir()
        for path in model_folder.iterdir():
            (folder / path.name).symlink_to(path)
        calibrations = {}
        for task in map(load_task, task_names()):
            chosen = {name: {"threshold": 0.0 if name in labels else 1.1} for name in task.label_names}
            calibrations[task.name] = {"labels": chosen}
        (folder / "calibration.json").write_text(json.dumps(calibrations, ensure_ascii=False), encoding="utf-8")
        return folder

    return make
