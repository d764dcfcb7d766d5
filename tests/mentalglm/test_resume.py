"""A run that is killed goes on where it stopped: no row lost, none doubled, wherever the kill fell."""

import json
import multiprocessing
import os
import random
import time
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from mentalglm import analyze_files, resume
from mentalglm.analysis import Analysis, ErrorInfo, Evidence
from mentalglm.analyze_files import Request, write_results
from mentalglm.errors import UserError
from mentalglm.readers import open_posts
from mentalglm.resume import Done, PartialFile, Tally
from mentalglm.tasks import load_task

ROWS = 800
TASKS = ["suicide_risk", "emotional_safety"]
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small chunks and a point to go on from behind each, so that kills fall in and between many of them."""
    monkeypatch.setattr(resume, "_EVERY", 0.0)
    monkeypatch.setattr(analyze_files, "_FIRST_CHUNK", 8)
    monkeypatch.setattr(analyze_files, "_LARGEST_CHUNK", 8)


@pytest.fixture(scope="module")
def posts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of all lengths, some broken, some that are not analysed."""
    path = tmp_path_factory.mktemp("posts") / "posts.csv"
    rows = [f'{k},"第{k}行，{"很" * (k % 40)}累\n",{k}' if k % 7 else f"{k},,x,y" for k in range(ROWS)]
    path.write_text("id,text,note\n" + "\n".join(rows), encoding="utf-8")
    return path


def answers(texts: list[str]) -> list[list[Analysis] | ErrorInfo]:
    """What a model could say, told from the text alone; it takes its time."""
    time.sleep(0.002)
    found: list[list[Analysis] | ErrorInfo] = []
    for text in texts:
        if len(text) % 11 == 0:
            found.append(ErrorInfo(code="no_reply", message="no reply"))
            continue
        both = []
        for name in TASKS:
            labels = load_task(name).label_names
            label = labels[len(text) % len(labels)]
            both.append(
                Analysis(
                    task=name,
                    text=text,
                    labels=[label],
                    probabilities=dict.fromkeys(labels, 0.5),
                    evidence=[Evidence(text=text[:1], start=0, end=1)],
                    explanation="因为这样说。",
                    crisis="wish" if len(text) == 30 else "none",
                    model="none",
                    prompt_hash="h",
                )
            )
        found.append(both)
    return found


def run(posts: Path, out: Path, form: str, **settings: Any) -> Tally:
    request = Request(None, str(posts), None, TASKS, {"labels_only": False}, form, out, "zh")
    return write_results(answers, open_posts(posts), TASKS, request, {"format": form, **settings})


def content(path: Path) -> Any:
    if path.suffix != ".xlsx":
        return path.read_bytes()
    book = openpyxl.load_workbook(path, read_only=True)
    return [row for sheet in book.worksheets for row in sheet.iter_rows(values_only=True)]


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix in (".partial", ".resume", ".new"))


@needs_fork
@pytest.mark.parametrize("form", ["json", "csv", "xlsx", "text"])
def test_kills_at_random_moments_change_nothing(posts: Path, tmp_path: Path, form: str) -> None:
    tally = run(posts, tmp_path / f"whole.{form}", form)
    assert tally.rows == ROWS and tally.erred and tally.crisis == "wish"
    out, moments, kills, points = tmp_path / f"killed.{form}", random.Random(form), 0, set[int]()
    while True:
        process = multiprocessing.get_context("fork").Process(target=run, args=(posts, out, form))
        process.start()
        if kills < 20:
            time.sleep(moments.uniform(0, 0.05))
            process.kill()
        process.join()
        if process.exitcode == 0:
            break
        assert not out.exists()
        kills += 1
        saved = Path(f"{out}.resume")
        points.add(len(saved.read_bytes().splitlines()) if saved.exists() else 0)
    assert content(out) == content(tmp_path / f"whole.{form}")
    assert leftovers(tmp_path) == []
    assert kills >= 2 and len(points) >= 2  # the kills fell at different places, and work was kept for the next


def stopped(posts: Path, out: Path, form: str, rows: int) -> None:
    """Leaves the files of a run that was stopped at ``rows``."""
    left = [rows // 8]

    def stop(texts: list[str]) -> list[list[Analysis] | ErrorInfo]:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return answers(texts)

    request = Request(None, str(posts), None, TASKS, {"labels_only": False}, form, out, "zh")
    with pytest.raises(KeyboardInterrupt):
        write_results(stop, open_posts(posts), TASKS, request, {"format": form})


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_files_that_a_kill_left_torn_are_cut_to_what_is_whole(
    posts: Path, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(posts, tmp_path / f"whole.{form}", form)
    out = tmp_path / f"out.{form}"
    stopped(posts, out, form, 48)
    partial, points = (Path(f"{out}.{ending}") for ending in ("partial", "resume"))
    wrote, marked = partial.read_bytes(), points.read_bytes()
    assert len(marked.splitlines()) == 7
    monkeypatch.setattr(resume, "_EVERY", 9.0)  # the disk is not what is tested
    torn = random.Random(0)
    for _ in range(6):
        # A kill tears the end of what was being appended; a power cut may lose synced data's successors on either side.
        partial.write_bytes(wrote[: torn.randrange(len(wrote) + 1)] + torn.choice([b"", b"half a li", b'"\n,"']))
        points.write_bytes(marked[: torn.randrange(len(marked) + 1)])
        assert run(posts, out, form).rows == ROWS
        assert content(out) == content(tmp_path / f"whole.{form}")
        assert leftovers(tmp_path) == []
        out.unlink()


def test_what_was_found_before_the_kill_still_counts(posts: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.csv"
    lines = ["id,text,note", "0," + "累" * 30 + ",x", "1," + "累" * 11 + ",x", *[f"{k},好,x" for k in range(2, 40)]]
    short.write_text("\n".join(lines), encoding="utf-8")
    stopped(short, tmp_path / "out.csv", "csv", 16)
    tally = run(short, tmp_path / "out.csv", "csv")
    assert tally.erred and tally.crisis == "wish"


def test_a_run_with_other_settings_is_not_gone_on_with(posts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    stopped(posts, out, "csv", 48)
    before = Path(f"{out}.partial").read_bytes()
    with pytest.raises(UserError, match=r"an unfinished run with another lang, model; delete out\.csv\.partial and"):
        run(posts, out, "csv", model="other", lang="en")
    assert Path(f"{out}.partial").read_bytes() == before
    assert run(posts, out, "csv").rows == ROWS


def test_a_run_over_other_posts_is_not_gone_on_with(posts: Path, tmp_path: Path) -> None:
    out, other = tmp_path / "out.csv", tmp_path / "other.csv"
    stopped(posts, out, "csv", 48)
    lines = posts.read_text(encoding="utf-8")
    for changed in (lines.replace("第3行", "第三行"), "id,text,note\n1,短,x\n"):
        other.write_text(changed, encoding="utf-8")
        with pytest.raises(UserError, match="was over other posts; delete the files that end in"):
            run(other, out, "csv")
    other.write_text(lines + "\n99,后来加的一行,x", encoding="utf-8")  # it may have grown
    assert run(other, out, "csv").rows == ROWS + 1


def test_two_runs_do_not_write_one_file(posts: Path, tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    with pytest.raises(KeyboardInterrupt), PartialFile(tmp_path / "out", {}):
        with pytest.raises(UserError, match="another run is writing it"):
            PartialFile(tmp_path / "out", {})
        raise KeyboardInterrupt
    assert leftovers(tmp_path) == []


def test_the_output_of_before_stays_until_the_new_one_is_whole(posts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("before", encoding="utf-8")
    stopped(posts, out, "csv", 48)
    assert out.read_text(encoding="utf-8") == "before"
    run(posts, out, "csv")
    assert out.read_text(encoding="utf-8-sig").startswith("id,text,note,row,task,")


@needs_fork
def test_a_full_disk_is_one_line_and_the_run_goes_on_later(posts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"

    def write_with_little_room() -> None:
        import resource
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        with pytest.raises(UserError, match=r"cannot be written \(.+\); mend that, and the same command goes on"):
            run(posts, out, "csv")

    process = multiprocessing.get_context("fork").Process(target=write_with_little_room)
    process.start()
    process.join()
    assert process.exitcode == 0 and leftovers(tmp_path) == ["out.csv.partial", "out.csv.resume"]
    assert 0 < len(Path(f"{out}.resume").read_bytes().splitlines()) < ROWS // 8
    run(posts, tmp_path / "whole.csv", "csv")
    run(posts, out, "csv")
    assert content(out) == content(tmp_path / "whole.csv")


def test_no_post_is_in_the_resume_file(posts: Path, tmp_path: Path) -> None:
    stopped(posts, tmp_path / "out.jsonl", "json", 48)
    marked = (tmp_path / "out.jsonl.resume").read_text(encoding="utf-8").splitlines()
    assert [Done(**json.loads(line)).rows for line in marked[1:]] == list(range(8, 56, 8))
    assert "累" not in "".join(marked)
