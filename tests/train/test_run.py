"""Training, end to end, on a real (tiny) GLM: it learns, survives a kill, and computes the same however divided."""

import json
import math
import os
import shutil
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from mentalglm.models import load_model
from tests.needs import need_compiler
from tests.tiny import SENTENCES, TASKS, save_tiny
from tests.train.runs import (
    losses,
    read_log,
    run_alone,
    run_here,
    started,
    wait_for,
    write_config,
    write_instructions,
)

LONG = {"num_train_epochs": 20, "save_steps": 10}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model to start from, ``base``, and instructions, ``data``."""
    need_compiler()
    folder = tmp_path_factory.mktemp("train")
    save_tiny(folder / "base")
    write_instructions(folder / "data")
    return folder


def config_in(place: Path, name: str, **settings: Any) -> Path:
    return write_config(place, name, **{"model": place / "base", "data": place / "data"} | settings)


def ran(place: Path, name: str, **settings: Any) -> Path:
    """Runs to the end in this process; returns the run's folder."""
    assert run_here(config_in(place, name, **settings)) == 0
    return place / name


def weights(run: Path) -> dict[str, Any]:
    [path] = (run / "model").glob("*.safetensors")
    from safetensors.torch import load_file

    return load_file(path)


def assert_same_weights(one: Path, other: Path, tolerance: float) -> None:
    import torch

    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    for name in first:
        assert torch.allclose(first[name], second[name], rtol=0, atol=tolerance), name


@pytest.fixture(scope="module")
def uninterrupted(place: Path) -> Path:
    """A run of 80 steps that nothing disturbed."""
    run = ran(place, "uninterrupted", **LONG)
    assert len(losses(run)) == 80
    return run


@pytest.mark.slow
def test_one_command_makes_a_model_that_knows_its_lessons(place: Path, tmp_path: Path) -> None:
    data = write_instructions(tmp_path / "data", rows=12)
    write_instructions(tmp_path / "data", rows=4, split="validation")
    new_model = {
        "tokenizer_data": [str(data)],
        "vocab_size": 800,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 256,
    }
    config = write_config(tmp_path, "run", data=data, new_model=new_model, num_train_epochs=30, max_seq_length=256)
    done = run_alone(config, "max_steps=24", "show_sample=true")
    assert done.returncode == 0, done.stderr
    course = losses(tmp_path / "run")
    assert len(course) == 24
    assert all(math.isfinite(loss) for loss in course)
    assert course[-1] < course[0] / 2
    assert "12 examples" in done.stderr
    assert "24 steps" in done.stderr
    assert "[。]" in done.stderr  # the sample, scored tokens in brackets
    assert "validation loss" in done.stderr
    loaded = load_model(str(tmp_path / "run" / "model"))
    assert loaded.manifest.tasks == sorted(TASKS)
    assert loaded.model.config.vocab_size == len(loaded.tokenizer)


def test_a_run_killed_outright_goes_on_where_it_was(place: Path, uninterrupted: Path) -> None:
    config, run = config_in(place, "killed", **LONG), place / "killed"
    with started(config) as process:
        wait_for(run / "checkpoints" / "step-10", process)
        process.send_signal(signal.SIGKILL)
        assert process.wait(60) == -signal.SIGKILL
    assert 10 <= len(read_log(run)) < 80
    assert not (run / "model").exists()
    assert run_here(config) == 0
    # Steps taken again, behind the checkpoint, stand in the log twice: they, too, must not differ.
    expected = losses(uninterrupted)
    assert {step for step, _ in read_log(run)} == set(range(1, 81))
    for step, loss in read_log(run):
        assert loss == pytest.approx(expected[step - 1], abs=1e-6)
    assert_same_weights(run, uninterrupted, 1e-6)


def test_sigterm_writes_a_checkpoint_and_the_same_command_goes_on(
    place: Path, uninterrupted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, run = config_in(place, "stopped", **LONG), place / "stopped"
    with started(config) as process:
        wait_for(run / "checkpoints" / "step-10", process)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 0, told
    step = len(read_log(run))
    assert f"stopped by SIGTERM after step {step}; the same command resumes" in told
    assert (run / "checkpoints" / f"step-{step}").is_dir()
    assert not (run / "model").exists()
    capsys.readouterr()
    assert run_here(config) == 0
    assert f"resumed from {run / 'checkpoints' / f'step-{step}'}" in capsys.readouterr().err
    assert len(read_log(run)) == 80  # no step was taken twice
    assert losses(run) == pytest.approx(losses(uninterrupted), abs=1e-6)
    assert_same_weights(run, uninterrupted, 1e-6)


def test_only_the_newest_two_checkpoints_are_kept(uninterrupted: Path) -> None:
    assert sorted(path.name for path in (uninterrupted / "checkpoints").iterdir()) == ["step-70", "step-80"]


def test_dropout_too_goes_on_where_it_was(place: Path) -> None:
    settings: dict[str, Any] = {"lora": {"dropout": 0.5}, "num_train_epochs": 2, "save_steps": 4}
    whole = ran(place, "dropout", **settings)
    again = ran(place, "dropout-resumed", resume=str(whole / "checkpoints" / "step-4"), **settings)
    assert [step for step, _ in read_log(again)] == [5, 6, 7, 8]
    assert [loss for _, loss in read_log(again)] == pytest.approx(losses(whole)[4:], abs=1e-6)
    assert_same_weights(again, whole, 1e-6)


def test_accumulated_steps_equal_whole_ones(place: Path) -> None:
    whole = ran(place, "whole", per_device_train_batch_size=4, num_train_epochs=3)
    parts = ran(place, "parts", per_device_train_batch_size=1, gradient_accumulation_steps=4, num_train_epochs=3)
    assert len(losses(whole)) >= 4
    assert losses(parts) == pytest.approx(losses(whole), abs=1e-5)
    assert_same_weights(parts, whole, 1e-5)


@pytest.mark.parametrize("stage", [1, 2])
def test_zero_stages_compute_the_same_on_one_rank(place: Path, stage: int) -> None:
    plain = ran(place, f"stage-0-for-{stage}", num_train_epochs=2)
    zero = ran(place, f"stage-{stage}", num_train_epochs=2, zero_stage=stage)
    assert losses(zero) == pytest.approx(losses(plain), abs=1e-5)
    assert_same_weights(zero, plain, 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("stage", [0, 2])
def test_two_ranks_equal_one_that_accumulates(place: Path, stage: int) -> None:
    alone = ran(place, f"one-rank-{stage}", gradient_accumulation_steps=2, num_train_epochs=4)
    config = config_in(place, f"two-ranks-{stage}", zero_stage=stage, num_train_epochs=4)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
    done = run_alone(config, launcher=("--num_accelerators", "2", "--master_port", str(port)))
    assert done.returncode == 0, done.stderr
    together = place / f"two-ranks-{stage}"
    assert len(losses(together)) == len(read_log(together)) >= 4
    assert losses(together) == pytest.approx(losses(alone), abs=1e-5)
    assert_same_weights(together, alone, 1e-5)


@pytest.mark.parametrize("stage", [0, 2])
def test_an_adapter_is_learned_saved_and_found_from_anywhere(
    place: Path, stage: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.chdir(place)
    run = ran(place, f"lora-{stage}", model="base", lora={"r": 4}, num_train_epochs=4, zero_stage=stage)
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


def test_bf16_trains_and_saves(place: Path) -> None:
    run = ran(place, "bf16", dtype="bf16", save_dtype="bf16", num_train_epochs=3)
    assert losses(run)[-1] < losses(run)[0]
    assert {str(values.dtype) for values in weights(run).values()} == {"torch.bfloat16"}


def test_dry_run_prints_the_plan_and_writes_nothing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here(config_in(place, "dry"), "dry_run=true") == 0
    told = capsys.readouterr().err
    assert "24 examples" in told
    assert "4 steps" in told
    assert not (place / "dry").exists()


def test_posts_are_not_shown_unless_asked_for(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_here(config_in(place, "silent", show_sample=False, max_steps=1)) == 0
    told = capfd.readouterr()
    assert not any(post in told.out + told.err for post in SENTENCES)
    assert not any(post in (place / "silent" / "log.jsonl").read_text("utf-8") for post in SENTENCES)


def test_the_log_says_how_the_run_went(uninterrupted: Path) -> None:
    lines = [json.loads(line) for line in (uninterrupted / "log.jsonl").read_text("utf-8").splitlines()]
    for line in lines:
        assert set(line) == {"step", "loss", "learning_rate", "tokens_per_second", "seconds"}
    assert lines[0]["learning_rate"] == pytest.approx(0.01)
    assert 0.001 <= lines[-1]["learning_rate"] < 0.0011


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"data": "absent"}, "absent holds no train.parquet"),
        ({"model": "./absent"}, "model folder './absent' not found"),
        ({"per_device_train_batch_size": 99}, "24 examples fill less than one step of 99 packs"),
        ({"max_seq_length": 16}, "no row fits into max_seq_length=16"),
        ({"resume": "absent"}, "resume: absent is no checkpoint"),
        ({"resume": "."}, "is no checkpoint"),
        ({"learning_rate": 1e30, "num_train_epochs": 3}, "lower learning_rate=1e+30"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(
    place: Path, settings: dict[str, Any], expected: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_here(config_in(place, "mistake", **settings)) == 2
    told = capfd.readouterr().err
    shutil.rmtree(place / "mistake", ignore_errors=True)
    [line] = [line for line in told.splitlines() if line.startswith("error: ")]
    assert expected in line
    assert "Traceback" not in told


def test_a_wrong_validation_split_is_told_before_the_work_not_after(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_instructions(tmp_path / "data", rows=12)
    rows = [{"id": "v", "messages": [{"role": "user", "content": "你好"}], "task": "suicide_risk", "weight": 1.0}]
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), data / "validation.parquet")
    assert run_here(config_in(place, "wrong-validation", data=data)) == 2
    assert "row v has no scored token" in capsys.readouterr().err
    assert not (place / "wrong-validation").exists()


@pytest.mark.slow
def test_a_wrong_setting_is_all_that_the_command_prints(place: Path) -> None:
    done = run_alone(config_in(place, "wrong"), "max_step=2")
    assert done.returncode == 2
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert line.endswith("unknown setting 'max_step'; did you mean 'max_steps'?")


def test_running_here_leaves_this_process_as_it_was(place: Path) -> None:
    before, handler = dict(os.environ), signal.getsignal(signal.SIGTERM)
    run_here(config_in(place, "harmless", max_steps=1))
    assert (dict(os.environ), signal.getsignal(signal.SIGTERM)) == (before, handler)


def test_a_run_with_other_settings_does_not_resume_from_the_checkpoint(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_here(config_in(place, "changed", max_steps=1)) == 0
    capsys.readouterr()
    assert run_here(config_in(place, "changed", max_steps=1, learning_rate=0.5)) == 2
    assert "was made with learning_rate=" in capsys.readouterr().err
    assert run_here(config_in(place, "changed", max_steps=1, logging_steps=3)) == 0
