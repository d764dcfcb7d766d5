"""The same numbers, however a step is divided: over micro-steps, ranks and ZeRO's stages."""

from pathlib import Path
from typing import Any

import pytest

from mentalglm.models import load_model
from tests.tiny import TASKS
from tests.train.runs import (
    assert_same_weights,
    config_in,
    losses,
    ran,
    read_log,
    run_alone,
    two_ranks,
    weights,
    write_instructions,
)
from train.read_log import read_log as course_of


def test_accumulated_steps_equal_whole_ones(place: Path) -> None:
    whole = ran(place, "whole", per_device_train_batch_size=4, num_train_epochs=3)
    parts = ran(place, "parts", per_device_train_batch_size=1, gradient_accumulation_steps=4, num_train_epochs=3)
    assert len(losses(whole)) >= 4
    assert losses(parts) == pytest.approx(losses(whole), abs=1e-5)
    assert_same_weights(parts, whole, 1e-4)


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_zero_stages_compute_the_same_on_one_rank(place: Path, stage: int) -> None:
    plain = ran(place, f"stage-0-for-{stage}", num_train_epochs=2)
    zero = ran(place, f"stage-{stage}", num_train_epochs=2, deepspeed=f"zero{stage}")
    assert losses(zero) == pytest.approx(losses(plain), abs=1e-5)
    assert_same_weights(zero, plain, 1e-4)


@pytest.mark.parametrize("stage", [0, 2, 3])
def test_an_adapter_is_learned_saved_and_found_from_anywhere(
    place: Path, stage: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.chdir(place)
    run = ran(place, f"lora-{stage}", model="base", lora={"r": 4}, num_train_epochs=4, deepspeed=f"zero{stage}")
    assert (run / "model" / "adapter_config.json").is_file()
    assert not (run / "model" / "config.json").exists()
    learned = {name: values for name, values in weights(run).items() if "lora_B" in name}
    assert len(learned) == 2 * 6  # q, k, v, o, gate_up and down of two layers
    assert all(values.abs().max() > 0 for values in learned.values())
    monkeypatch.chdir(tmp_path)
    loaded = load_model(str(run / "model"))
    assert loaded.manifest.tasks == sorted(TASKS)
    ids = torch.arange(7, 39)[None]
    with torch.no_grad():
        base = load_model(str(place / "base")).model(input_ids=ids).logits
        assert not torch.allclose(loaded.model(input_ids=ids).logits, base, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("zero", ["zero0", "zero1", "zero2", "zero3"])
def test_two_ranks_equal_one_that_accumulates(place: Path, zero: str) -> None:
    alone = ran(place, f"one-rank-{zero}", gradient_accumulation_steps=2, num_train_epochs=4)
    config = config_in(place, f"two-ranks-{zero}", deepspeed=zero, num_train_epochs=4)
    launcher = two_ranks()
    done = run_alone(config, launcher=launcher)
    assert done.returncode == 0, done.stderr
    assert not list(Path("/dev/shm").glob(f"deepspeed_allreduce_buffer_*_{launcher[-1]}_*"))
    together = place / f"two-ranks-{zero}"
    assert len(losses(together)) == len(read_log(together)) >= 4
    assert losses(together) == pytest.approx(losses(alone), abs=1e-5)
    assert_same_weights(together, alone, 1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("zero", ["zero2", "zero3", "zero2_offload", "zero3_offload"])
def test_an_adapter_of_two_ranks_is_the_one_of_a_single_rank(place: Path, zero: str) -> None:
    settings: dict[str, Any] = {"lora": {"r": 4, "dropout": 0}, "num_train_epochs": 4}
    alone = ran(place, f"one-adapter-{zero}", gradient_accumulation_steps=2, **settings)
    config = config_in(place, f"two-adapters-{zero}", deepspeed=zero, **settings)
    done = run_alone(config, launcher=two_ranks())
    assert done.returncode == 0, done.stderr
    together = place / f"two-adapters-{zero}"
    assert losses(together) == pytest.approx(losses(alone), abs=1e-5)
    assert_same_weights(together, alone, 1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("zero", ["zero0", "zero3"])
def test_two_ranks_share_the_validation_loss_out(place: Path, zero: str, tmp_path: Path) -> None:
    data = write_instructions(tmp_path / "data")
    write_instructions(data, rows=21, split="validation")  # one rank is left without a batch at the end
    settings: dict[str, Any] = {"data": data, "eval_steps": 1, "max_steps": 2}
    alone = ran(place, f"measured-alone-{zero}", gradient_accumulation_steps=2, **settings)
    done = run_alone(config_in(place, f"measured-{zero}", deepspeed=zero, **settings), launcher=two_ranks())
    assert done.returncode == 0, done.stderr
    first, second = (course_of(run).evaluations for run in (alone, place / f"measured-{zero}"))
    assert [scores["loss"] for scores in second.values()] == pytest.approx(
        [scores["loss"] for scores in first.values()], abs=1e-5
    )
