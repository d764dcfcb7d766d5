"""How far a run is: told from what was read, whatever the kind of file, and without reading it twice."""

import io
import os
from pathlib import Path

import openpyxl
import pytest

from mentalglm import progress
from mentalglm.progress import Meter, describe, with_progress
from mentalglm.readers import open_posts


def shares(path: Path | str) -> list[float | None]:
    posts = open_posts(path)
    return [posts.meter.share() for _ in posts.rows]


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.jsonl", "a.xlsx"])
@pytest.mark.parametrize("rows", [10, 20_000])
def test_the_share_grows_evenly_to_the_whole(tmp_path: Path, name: str, rows: int) -> None:
    path, line = tmp_path / name, '{"text": "平常"}' if name == "a.jsonl" else "平常的一天"
    if name == "a.xlsx":
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet()
        for text in ["text", *[line] * rows]:
            sheet.append([text])
        book.save(path)
        rewritten = openpyxl.load_workbook(path)  # write-only sheets do not say their size
        rewritten.save(path)
    else:
        path.write_text("text\n" * (name == "a.csv") + f"{line}\n" * rows, encoding="gb18030")
    found = [share for share in shares(path) if share is not None]
    assert len(found) == rows and found == sorted(found) and found[-1] == 1
    assert found[rows // 2] == pytest.approx(0.5, abs=0.15)


def test_of_a_pipe_the_share_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.write(write, "一\n二\n".encode())
    os.close(write)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(os.fdopen(read, "rb")))
    assert shares("-") == [None, None]


def test_of_a_redirected_file_it_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("一\n二\n", encoding="utf-8")
    with (tmp_path / "a").open(encoding="utf-8") as file:
        monkeypatch.setattr("sys.stdin", file)
        assert shares("-")[-1] == 1


def test_a_sheet_that_claims_every_row_says_nothing(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for k, text in enumerate(["text", "一", "二"], 1):
        book.active.cell(k, 1, text)
    book.active.cell(1_048_576, 1, " ")
    book.save(tmp_path / "a.xlsx")
    posts = open_posts(tmp_path / "a.xlsx")
    assert next(posts.rows) and posts.meter.share() is None


def test_the_time_left_counts_from_where_this_run_began() -> None:
    assert describe(1_000, 0.5, 0.0, 60, "en") == "1,000 rows · 50% · about 0:01:00 left"
    assert describe(1_000, 0.5, 0.4, 60, "zh") == "1,000 行 · 50% · 剩余约 0:05:00"
    assert describe(1_000, 0.5, 0.5, 0, "en") == "1,000 rows · 50%"
    assert describe(1_000, None, None, 60, "en") == "1,000 rows"


def test_a_log_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    meter = Meter(total=4)

    def chunks() -> list[list[int]]:
        meter.done = 2
        return [[1, 2], [3, 4]]

    assert list(with_progress(iter(chunks()), meter, 10, "en")) == [[1, 2], [3, 4]]
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(progress, "_LOG_EVERY", 0)
    list(with_progress(iter(chunks()), meter, 10, "en"))
    out, err = capsys.readouterr()
    assert out == "" and err.splitlines() == ["12 rows · 50%", "14 rows · 50%"]
