"""Checkpoints: which there are, what they refuse, and a disk that fills up while one is written."""

import resource
from pathlib import Path

import pytest

from mentalglm.errors import UserError
from tests.train.runs import (
    LONG,
    config_in,
    losses,
    ran,
    run_here,
    started,
    two_ranks,
    wait_for,
    write_instructions,
)
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


def test_a_run_begun_anew_is_not_crowded_out_by_the_one_before(place: Path) -> None:
    run = ran(place, "anew", max_steps=4, save_steps=2)
    (run / "checkpoints" / "step-4-copy").mkdir()  # somebody's own: no checkpoint, and no reason to fail
    assert [path.name for path in checkpoints(run)] == ["step-2", "step-4"]
    assert run_here(config_in(place, "anew", max_steps=4, save_steps=3), "resume=never", "max_steps=3") == 0
    assert [path.name for path in checkpoints(run)] == ["step-2", "step-3"]
    assert (run / "checkpoints" / "step-4-copy").is_dir()


def test_other_rows_are_refused_though_no_build_has_hashed_them(place: Path, tmp_path: Path) -> None:
    data = write_instructions(tmp_path / "data", rows=12)
    [checkpoint] = checkpoints(ran(place, "rows", data=data, max_steps=1))
    config = load_config(place / "rows.yaml", ["max_steps=1"])
    check_same_run(checkpoint, config, world=1)
    write_instructions(data, rows=13)
    with pytest.raises(UserError, match="was made with corpus_sha256="):
        check_same_run(checkpoint, config, world=1)


@pytest.mark.slow
def test_a_disk_that_is_full_for_one_rank_alone_is_told_too(place: Path) -> None:
    import psutil  # type: ignore[import-untyped]

    config, run = config_in(place, "full-for-one", **LONG, deepspeed="zero1"), place / "full-for-one"
    with started(config, launcher=two_ranks()) as process:
        wait_for(run / "checkpoints" / "step-10", process)
        ranks = [one for one in psutil.Process(process.pid).children(recursive=True) if "RANK" in one.environ()]
        [second] = [one for one in ranks if one.environ()["RANK"] == "1"]
        resource.prlimit(second.pid, resource.RLIMIT_FSIZE, (50_000, 50_000))
        _, told = process.communicate(timeout=120)
    assert process.returncode != 0
    [line] = [line for line in told.splitlines() if line.startswith("error: ")]
    assert "cannot be written" in line
