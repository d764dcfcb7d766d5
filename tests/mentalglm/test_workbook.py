"""Workbooks that open without a word of complaint: valid parts, text that stays text, limits kept."""

import tracemalloc
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mentalglm import workbook
from mentalglm.workbook import MOST_CHARACTERS, write_workbook

HEAD = ["id", "text"]


def cells(path: Path) -> list[list[str]]:
    book = openpyxl.load_workbook(path)
    return [[cell or "" for cell in row] for sheet in book.worksheets for row in sheet.iter_rows(values_only=True)]


def through(path: Path, text: str) -> str:
    """``text`` as a program reads it from a cell."""
    write_workbook(path, "结果", HEAD, [["1", text]])
    return cells(path)[1][1]


def test_every_part_is_sound_and_every_cell_is_text(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write_workbook(path, '结果 & <"1">', HEAD, [["007", "=1+1"], ["123456789012345678", "@x"], ["2024-01-01", "1E5"]])
    with ZipFile(path) as book:
        assert book.testzip() is None
        for name in book.namelist():
            ElementTree.fromstring(book.read(name))
    sheet = openpyxl.load_workbook(path).active
    assert sheet is not None and sheet.title == '结果 & <"1">' and sheet.freeze_panes == "A2"
    assert [cell.data_type for row in sheet.iter_rows() for cell in row] == ["s"] * 8
    assert {cell.number_format for row in sheet.iter_rows() for cell in row} == {"@"}
    assert cells(path) == [HEAD, ["007", "=1+1"], ["123456789012345678", "@x"], ["2024-01-01", "1E5"]]
    assert sheet["A1"].font.b and not sheet["A2"].font.b


@pytest.mark.parametrize(
    "text", ["两行\n一格", " 前后有空格 ", "a<b>&c\"d'", "😀👨\u200d👩\u200d👧", "\u202e反", "]]>", "a\tb"]
)
def test_a_post_comes_out_as_it_went_in(tmp_path: Path, text: str) -> None:
    assert through(tmp_path / "a.xlsx", text) == text


def test_what_xml_cannot_hold_is_marked_and_what_excel_would_decode_is_not_decoded(tmp_path: Path) -> None:
    assert through(tmp_path / "a.xlsx", "a\0b\x1bc\uffffd\ud800") == "a\ufffdb\ufffdc\ufffdd\ufffd"
    assert through(tmp_path / "a.xlsx", "a\r\nb\rc") == "a\nb\nc"
    write_workbook(tmp_path / "a.xlsx", "x", HEAD, [["", "_x0041__x0041_"]])
    with ZipFile(tmp_path / "a.xlsx") as book:
        assert b">_x005F_x0041__x005F_x0041_<" in book.read("xl/worksheets/sheet1.xml")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.text(st.characters() | st.sampled_from("<>&\"'_\r\n\0\ud800x0041")))
def test_any_text_gives_a_sound_sheet(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("book") / "a.xlsx"
    write_workbook(path, "x", HEAD, [[text, "end"]])
    assert cells(path)[1][1] == "end"


@pytest.mark.parametrize("character", ["长", "😀"])
def test_a_cell_longer_than_excel_takes_says_that_it_was_cut(tmp_path: Path, character: str) -> None:
    most = MOST_CHARACTERS // (len(character.encode("utf-16-le")) // 2)
    fits = through(tmp_path / "a.xlsx", character * most)
    assert fits == character * most
    cut = through(tmp_path / "a.xlsx", character * (most + 1))
    assert len(cut.encode("utf-16-le")) // 2 <= MOST_CHARACTERS and cut.endswith("cut at 32,767 characters）")
    assert set(cut.partition("…")[0]) == {character}


def test_more_rows_than_a_sheet_takes_go_on_in_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MOST_ROWS", 4)
    for count, sheets in ((0, 1), (3, 1), (4, 2), (7, 3)):
        write_workbook(tmp_path / "a.xlsx", "结果", HEAD, ([str(k), "x"] for k in range(count)))
        book = openpyxl.load_workbook(tmp_path / "a.xlsx")
        assert book.sheetnames == ["结果", "结果 2", "结果 3"][:sheets]
        found = [[row[0].value for row in sheet.iter_rows()] for sheet in book.worksheets]
        assert all(rows[0] == "id" and len(rows) <= 4 for rows in found)
        assert [name for rows in found for name in rows[1:]] == [str(k) for k in range(count)]


def test_columns_beyond_z_have_names(tmp_path: Path) -> None:
    head = [f"c{k}" for k in range(800)]
    write_workbook(tmp_path / "a.xlsx", "x", head, [[str(k) for k in range(800)]])
    assert cells(tmp_path / "a.xlsx") == [head, [str(k) for k in range(800)]]


def test_memory_stays_flat_however_many_rows(tmp_path: Path) -> None:
    def rows(count: int) -> Iterator[list[str]]:
        return ([str(k), f"第{k}天，平常的一天"] for k in range(count))

    peaks = []
    for count in (2_000, 10_000):
        tracemalloc.start()
        write_workbook(tmp_path / "a.xlsx", "x", HEAD, rows(count))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]
