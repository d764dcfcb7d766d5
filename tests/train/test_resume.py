"""A run that was stopped, however rudely, goes on as if nothing had happened."""

import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.train.runs import (
    LONG,
    assert_same_weights,
    config_in,
    kill_all,
    losses,
    ran,
    read_log,
    run_alone,
    run_here,
    started,
    two_ranks,
    wait_for,
    write_instructions,
)


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
    assert f"stopped after step {step}; the same command resumes" in told
    assert (run / "checkpoints" / f"step-{step}").is_dir()
    assert not (run / "model").exists()
    capsys.readouterr()
    assert run_here(config) == 0
    assert f"resumed after step {step}" in capsys.readouterr().err
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


def test_a_run_with_other_settings_does_not_resume_from_the_checkpoint(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_here(config_in(place, "changed", max_steps=1)) == 0
    capsys.readouterr()
    assert run_here(config_in(place, "changed", max_steps=1, learning_rate=0.5)) == 2
    assert "was made with learning_rate=" in capsys.readouterr().err
    assert run_here(config_in(place, "changed", max_steps=1, logging_steps=3)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("zero", ["zero0", "zero2", "zero3"])
def test_two_ranks_killed_outright_go_on_where_they_were(place: Path, zero: str) -> None:
    alone = ran(place, f"alone-{zero}", num_train_epochs=20, gradient_accumulation_steps=2)
    config = config_in(place, f"killed-{zero}", num_train_epochs=20, save_steps=3, deepspeed=zero)
    run = place / f"killed-{zero}"
    with started(config, launcher=two_ranks()) as process:
        wait_for(run / "checkpoints" / "step-6", process)
        kill_all(process)
    steps = len(losses(alone))
    assert 6 <= len(read_log(run)) < steps
    done = run_alone(config, launcher=two_ranks())
    assert done.returncode == 0, done.stderr
    assert "resumed after step" in done.stderr
    assert not list((run / "checkpoints").glob("partial-*"))
    for step, loss in read_log(run):
        assert loss == pytest.approx(losses(alone)[step - 1], abs=1e-5)
    assert len(losses(run)) == steps
    assert_same_weights(run, alone, 1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    "how", ["SIGTERM to the launcher", "SIGKILL to the launcher", "SIGTERM to deepspeed", "Ctrl-C"]
)
def test_ranks_whose_launcher_is_ended_write_one_checkpoint_together(place: Path, how: str) -> None:
    """The launcher tells its ranks one by one, or leaves them orphans: either way no rank stops before the others."""
    name = how.replace(" ", "-")
    config, run = config_in(place, name, num_train_epochs=2000, save_steps=5), place / name
    with started(config, launcher=two_ranks()) as process:
        wait_for(run / "checkpoints" / "step-5", process)
        [launch] = psutil.Process(process.pid).children()
        ranks = [one for one in launch.children() if "run.py" in " ".join(one.cmdline())]
        assert len(ranks) == 2
        asked = time.monotonic()
        if how == "Ctrl-C":  # which a terminal sends to all of them
            for one in (psutil.Process(process.pid), launch, *ranks):
                one.send_signal(signal.SIGINT)
        else:
            end = getattr(signal, how.split()[0])
            (launch if "the launcher" in how else process).send_signal(end)
        _, alive = psutil.wait_procs(ranks, timeout=30)
        assert not alive
        assert time.monotonic() - asked < 30
    step = len(read_log(run))
    assert (run / "checkpoints" / f"step-{step}").is_dir()
    assert not list((run / "checkpoints").glob("partial-*"))


def test_in_another_folder_the_best_model_is_looked_for_anew(place: Path, tmp_path: Path) -> None:
    data = write_instructions(tmp_path / "data", rows=24)
    write_instructions(data, rows=6, split="validation")
    # A rate so small that no measurement is better than the first.
    settings: dict[str, Any] = {"data": data, "max_steps": 4, "eval_steps": 1, "save_steps": 3, "learning_rate": 1e-12}
    first = ran(place, "measured", **settings)
    moved = ran(place, "measured-on", resume=str(first / "checkpoints" / "step-3"), **settings)
    assert (first / "model").is_dir() and (moved / "model").is_dir()
