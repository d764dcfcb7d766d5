"""DeepSpeed's settings: the shipped JSON, completed by the YAML and never against it."""

import json
from pathlib import Path
from typing import Any

import pytest

from mentalglm.errors import UserError
from train.config import TrainConfig
from train.engine import deepspeed_settings, offloads, zero_stage


def config(**settings: Any) -> TrainConfig:
    return TrainConfig.model_validate({"output_dir": "out", "model": "m", "data": "d"} | settings)


@pytest.mark.parametrize("name", ["zero0", "zero1", "zero2", "zero3", "zero2_offload", "zero3_offload"])
def test_the_yaml_fills_in_the_sizes(name: str) -> None:
    chosen = config(
        deepspeed=name, per_device_train_batch_size=3, gradient_accumulation_steps=5, max_grad_norm=0.5, dtype="bf16"
    )
    settings = deepspeed_settings(chosen, world=2)
    assert zero_stage(settings) == int(name[4])
    assert settings["train_batch_size"] == 30
    assert settings["train_micro_batch_size_per_gpu"] == 3
    assert settings["gradient_accumulation_steps"] == 5
    assert settings["gradient_clipping"] == 0.5
    assert settings["bf16"] == {"enabled": True}


def test_a_json_of_ones_own_may_leave_sizes_open_or_agree(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    mine = {"train_batch_size": "auto", "gradient_accumulation_steps": 1, "zero_optimization": {"stage": 1}}
    path.write_text(json.dumps(mine), "utf-8")
    assert deepspeed_settings(config(deepspeed=str(path)), world=1)["train_batch_size"] == 8


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"gradient_accumulation_steps": 7}', "gradient_accumulation_steps is 7, the run's YAML makes it 1"),
        ('{"optimizer": {"type": "AdamW"}}', "'optimizer' is decided by the run's YAML"),
        ('{"fp16": {"enabled": true}}', "'fp16' is decided"),
        ("[]", "holds no settings"),
        ("{", "not valid JSON"),
    ],
)
def test_a_json_against_the_yaml_is_refused(tmp_path: Path, content: str, expected: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(content, "utf-8")
    with pytest.raises(UserError, match=r"^[^\n]+$") as caught:
        deepspeed_settings(config(deepspeed=str(path)), world=1)
    assert expected in str(caught.value)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"'zero9' is neither one of zero0, zero1, .*zero3_offload nor a file"):
        deepspeed_settings(config(deepspeed="zero9"), world=1)


@pytest.mark.parametrize(
    ("zero", "expected"),
    [
        ('{"stage": 3, "reduce_bucket_size": "auto"}', "zero_optimization.reduce_bucket_size is 'auto'; take it out"),
        ('"zero2"', "zero_optimization is 'zero2'"),
    ],
)
def test_a_json_written_for_the_trainer_is_refused_in_a_line(tmp_path: Path, zero: str, expected: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(f'{{"zero_optimization": {zero}}}', "utf-8")
    with pytest.raises(UserError, match=r"^[^\n]+$") as caught:
        deepspeed_settings(config(deepspeed=str(path)), world=1)
    assert expected in str(caught.value)


def test_offloading_may_be_switched_off_by_null() -> None:
    for nothing in (None, {}, {"device": None}, {"device": "none"}):
        assert not offloads({"zero_optimization": {"stage": 2, "offload_optimizer": nothing}}, "offload_optimizer")
    assert offloads({"zero_optimization": {"offload_optimizer": {"device": "cpu"}}}, "offload_optimizer")
