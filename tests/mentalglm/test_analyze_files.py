"""Files in, files out, with a real and tiny model: the input's columns kept, kills survived, workbooks that open."""

import csv
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from typer.testing import CliRunner, Result

from mentalglm import analyze_files
from mentalglm.analyze_files import _chunks
from mentalglm.cli import app
from mentalglm.readers import BadRow, Row
from tests.tiny import SENTENCES

ROOT = Path(__file__).parents[2]
FAST = ["--task", "suicide_risk,emotional_safety", "--labels-only"]
RESULT = ["row", "task", "labels", "display", "probability", "evidence", "explanation", "crisis", "conflicts",
          "abstained", "candidates", "parsed", "error"]  # fmt: skip


@pytest.fixture
def ask(model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, stdin: str | bytes = "") -> Result:
        result = CliRunner().invoke(
            app, ["analyze", *arguments, "--model", str(model_folder), "--device", "cpu"], input=stdin
        )
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert not [*Path().glob("*.partial"), *Path().glob("*.resume"), *Path().glob("*.new")]
        return result

    return run


def table(path: str) -> list[list[str]]:
    if path.endswith(".xlsx"):
        rows = openpyxl.load_workbook(path).worksheets[0].iter_rows(values_only=True)
        return [[str(cell or "") for cell in row] for row in rows]
    return list(csv.reader(io.StringIO(Path(path).read_text(encoding="utf-8-sig"), newline="")))


# Columns.


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_the_input_s_columns_come_first_as_they_were(ask: Callable[..., Result], form: str) -> None:
    Path("posts.csv").write_bytes(
        "用户,正文,用户,,row\r\n000123456789012345,累,乙,x,=1\r\n2,,丙,,\r\n3,困\r\n4,a,b,c,d,e\r\n5,很困,\r\n".encode(
            "gb18030"
        )
    )
    result = ask("--file", "posts.csv", "--column", "正文", *FAST, "--format", form, "--out", f"out.{form}")
    assert result.exit_code == 1
    head, *rows = table(f"out.{form}")
    assert head == ["用户", "正文", "用户", "", "row", "mentalglm_row", *RESULT[1:]]
    mark = "'" if form == "csv" else ""  # a workbook's cell says itself that it is text
    fronts = [[mark + "000123456789012345", "累", "乙", "x", mark + "=1"], ["2", "", "丙", "", ""],
              ["3", "困", "", "", ""], [""] * 5, ["5", "很困", "", "", ""]]  # fmt: skip
    assert [row[:5] for row in rows] == [front for front in fronts for _ in range(2)]
    assert [row[5] for row in rows] == [str(k) for k in range(5) for _ in range(2)]
    assert [bool(row[-1]) for row in rows[::2]] == [False, True, False, True, False]
    assert all(len(row) == len(head) for row in rows)


def test_keys_of_json_records_are_columns_too(ask: Callable[..., Result]) -> None:
    records: list[Any] = [
        {"id": 12, "text": "累", "tags": ["a", "b"]},
        {"text": "困", "id": "\ud800", "more": 1},
        {"turns": [{"role": "user", "content": "你好"}], "id": None},
    ]
    lines = "broken\n" + "".join(json.dumps(record) + "\n" for record in records)
    Path("posts.jsonl").write_text(lines, encoding="utf-8")
    ask("--file", "posts.jsonl", "--task", "suicide_risk", "--labels-only", "--format", "csv", "--out", "out.csv")
    head, *rows = table("out.csv")
    assert head == ["id", "text", "tags", *RESULT]
    expected = [["", "", ""], ["12", "累", '["a", "b"]'], ["\ufffd", "困", ""], ["", "用户：你好", ""]]
    assert [row[:3] for row in rows] == expected
    assert rows[0][-1] == "not valid JSON at column 1"


def test_lines_of_text_get_a_column_for_the_post(ask: Callable[..., Result]) -> None:
    Path("posts.txt").write_text("累\n13800138000000\n", encoding="utf-8")
    ask("--file", "posts.txt", "--task", "suicide_risk", "--labels-only", "--format", "csv", "--out", "out.csv")
    head, *rows = table("out.csv")
    assert head == ["row", "task", "text", *RESULT[2:]]
    assert [row[2] for row in rows] == ["累", "'13800138000000"]
    ask("累", "--task", "suicide_risk", "--labels-only", "--format", "xlsx", "--out", "one.xlsx")
    assert table("one.xlsx")[1][:3] == ["", "suicide_risk", "累"]


def test_a_workbook_goes_through_with_its_columns(ask: Callable[..., Result]) -> None:
    book = openpyxl.Workbook()
    for row in (["编号", "text", "分"], [123456789012345, "累", 2.5], [None, None, None], [3, 666, None]):
        book.active.append(row)
    book.save("posts.xlsx")
    result = ask("--file", "posts.xlsx", *FAST, "--format", "xlsx", "--out", "o.xlsx")
    assert result.exit_code == 1
    head, *rows = table("o.xlsx")
    assert head == ["编号", "text", "分", *RESULT]
    expected = [["123456789012345", "累", "2.5"], ["", "", ""], ["3", "666", ""]]
    assert [row[:3] for row in rows[::2]] == [row[:3] for row in rows[1::2]] == expected
    assert [bool(row[-1]) for row in rows[::2]] == [False, True, False]


# Slips.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "xlsx"], "a workbook cannot go to the screen; name its file with --out"),
        (["--out", "a.XLSX"], "named like a workbook but --format is text; give --format xlsx"),
        (["--format", "csv", "--out", "posts.csv"], "--out posts.csv is the input itself"),
        (["--format", "csv", "--out", "./link.csv"], "is the input itself"),
        (["--format", "csv", "--out", "none/a.csv"], "there is no folder none"),
    ],
)
def test_a_slip_costs_no_wait(
    ask: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    Path("posts.csv").write_text("text\n累\n", encoding="utf-8")
    Path("link.csv").symlink_to("posts.csv")
    monkeypatch.setattr("mentalglm.analyzer.load_model", lambda *_: pytest.fail("the model was loaded"))
    result = ask("--file", "posts.csv", *arguments)
    assert result.exit_code == 2 and message in result.stderr and result.stderr.count("error: ") == 1
    assert Path("posts.csv").read_text(encoding="utf-8") == "text\n累\n"


# Size.


def test_chunks_follow_the_pace_and_the_length(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(analyze_files.time, "monotonic", lambda: clock[0])
    chunks = _chunks(iter([Row(k, "累" * 10) for k in range(4_000)]))
    sizes = []
    for spent in (0, 0, 5, 20, 20):
        sizes.append(len(next(chunks)))
        clock[0] += spent
    assert sizes == [64, 128, 256, 256, 128] and len(next(chunks)) == 64
    rows: list[Row | BadRow] = [Row(k, "累" * 400_000) for k in range(7)]
    assert [len(chunk) for chunk in _chunks(iter([*rows, BadRow(7, "x", "x")]))] == [3, 3, 2]


# A real process, killed.


def start(*arguments: str, stdin: int | None = None) -> subprocess.Popen[bytes]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "mentalglm.cli", "analyze", *arguments, "--device", "cpu"]
    return subprocess.Popen(command, env=env, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def results_in(path: Path) -> tuple[list[dict[str, Any]], list[float]]:
    """The results, and apart from them their probabilities, whose last digits go with what was read together."""
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return found, [p for one in found for p in one.pop("probabilities", {}).values()]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes are not killed here")
def test_a_killed_command_goes_on_when_it_is_given_again(model_folder: Path, tmp_path: Path) -> None:
    count = 6_000
    path, out, saved = tmp_path / "posts.jsonl", tmp_path / "out.jsonl", tmp_path / "out.jsonl.resume"
    posts = [{"text": f"{SENTENCES[k % 20]}第{k}次" if k % 97 else ""} for k in range(count)]
    path.write_text("".join(json.dumps(post) + "\n" for post in posts), encoding="utf-8")
    common = ["--model", str(model_folder), "--task", "emotional_safety", "--labels-only", "--format", "json"]
    moments, done = random.Random(5), 0
    for turn in range(3):
        process = start("--file", str(path), *common, "--out", str(out))
        if turn < 2:
            while process.poll() is None and points(saved) <= done:
                time.sleep(0.01)
            time.sleep(moments.uniform(0, 0.7))
            process.kill()
            process.wait()
            assert not out.exists() and done < points(saved)
            done = points(saved)
    assert process.wait(timeout=300) == 1
    assert not saved.exists() and not Path(f"{out}.partial").exists()
    with path.open("rb") as stdin:
        whole = tmp_path / "whole.jsonl"
        assert start("--file", "-", *common, "--out", str(whole), stdin=stdin.fileno()).wait(timeout=300) == 1
    (rows, found), (expected_rows, expected) = results_in(out), results_in(whole)
    assert [one["row"] for one in rows] == list(range(count)) and rows == expected_rows
    assert found == pytest.approx(expected, abs=1e-4)


def points(saved: Path) -> int:
    return len(saved.read_bytes().splitlines()) if saved.exists() else 0
