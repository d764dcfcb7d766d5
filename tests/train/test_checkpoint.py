"""Checkpoints: which there are, what they refuse, and a disk that fills up while one is written."""

import resource
from pathlib import Path

import pytest

from mentalglm.errors import UserError
from tests.train.runs import LONG, config_in, losses, ran, run_here, started, wait_for
from train.checkpoint import check_same_run, checkpoints, clear_unfinished
from train.read_config import load_config


def test_checkpoints_are_ordered_by_step_and_unfinished_ones_left_out(tmp_path: Path) -> None:
    for name in ("step-90", "step-100", "partial-110"):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
    assert [path.name for path in checkpoints(tmp_path)] == ["step-90", "step-100"]
    clear_unfinished(tmp_path)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["step-100", "step-90"]


def test_a_full_disk_is_one_line_and_the_last_checkpoint_stays(place: Path, uninterrupted: Path) -> None:
    config, run = config_in(place, "full", **LONG), place / "full"
    with started(config) as process:
        wait_for(run / "checkpoints" / "step-10", process)
        # From now on no file of this process may grow beyond 50 kB: writing ends as on a full disk.
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (50_000, 50_000))
        _, told = process.communicate(timeout=60)
    assert process.returncode == 2
    [line] = [line for line in told.splitlines() if line.startswith("error: ")]
    assert "cannot be written" in line
    assert "make room" in line
    assert "Traceback" not in told
    last = checkpoints(run)[-1].name
    assert last in ("step-10", "step-20")
    assert not list((run / "checkpoints").glob("partial-*"))
    assert run_here(config) == 0  # with room again, the same command goes on
    assert losses(run) == pytest.approx(losses(uninterrupted), abs=1e-6)


def test_a_damaged_checkpoint_is_one_line(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = ran(place, "damaged", max_steps=4, save_steps=2)
    for path in (run / "checkpoints" / "step-4").glob("*.pt"):
        path.write_bytes(path.read_bytes()[:1000])
    capsys.readouterr()
    assert run_here(config_in(place, "damaged", max_steps=4, save_steps=2)) == 2
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert "step-4 cannot be read" in line
    assert "delete it to go on from the one before" in line


def test_another_number_of_ranks_is_refused_by_name(place: Path) -> None:
    run = ran(place, "ranks", max_steps=1)
    config = load_config(place / "ranks.yaml", ["max_steps=1"])
    [checkpoint] = checkpoints(run)
    check_same_run(checkpoint, config, world=1)
    with pytest.raises(UserError, match="made with ranks=1, now 2"):
        check_same_run(checkpoint, config, world=2)
