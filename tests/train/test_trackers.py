"""Trackers besides the log: local by default, and refused by name when they are not there."""

import importlib.util
from pathlib import Path

import pytest

from mentalglm.errors import UserError
from train.config import TrainConfig
from train.trackers import Trackers


def config_of(folder: Path, report_to: list[str]) -> TrainConfig:
    return TrainConfig.model_validate({"output_dir": folder, "model": "tiny", "data": folder, "report_to": report_to})


@pytest.mark.parametrize("name", ["wandb", "swanlab", "tensorboard"])
def test_a_tracker_that_is_not_installed_is_refused_with_the_way_to_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda wanted: None if wanted == name else found(wanted))
    with pytest.raises(UserError, match=f"report_to: {name} is not installed; pip install {name}"):
        Trackers(config_of(tmp_path, [name]), 0)
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_where_nothing_is_asked_for(tmp_path: Path) -> None:
    trackers = Trackers(config_of(tmp_path, []), 0)
    trackers.write({"train/loss": 1.0}, 1)
    trackers.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_wandb_without_a_key_keeps_the_run_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    trackers = Trackers(config_of(tmp_path, ["wandb"]), 0)
    trackers.write({"train/loss": 1.0}, 1)
    trackers.close()
    assert list(tmp_path.glob("wandb/offline-run-*/*.wandb"))


@pytest.mark.slow
def test_swanlab_without_a_key_keeps_the_run_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("swanlab")
    monkeypatch.delenv("SWANLAB_API_KEY", raising=False)
    trackers = Trackers(config_of(tmp_path, ["swanlab"]), 0)
    trackers.write({"train/loss": 1.0}, 1)
    trackers.close()
    assert list((tmp_path / "swanlab").iterdir())
