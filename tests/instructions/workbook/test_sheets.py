"""Tables are found where labs put them: below titles, under two header rows, on several sheets."""

from datetime import date
from pathlib import Path

import pytest
from openpyxl import load_workbook

from instructions.workbook.sheets import read_sheets
from mentalglm.errors import UserError
from tests.instructions.workbook import books


def test_a_title_above_the_header(tmp_path: Path) -> None:
    sheets, notes = read_sheets(books.two_annotators(tmp_path / "lab.xlsx"))
    assert [sheet.name for sheet in sheets] == ["标注", "标签说明"] and notes == []
    assert sheets[0].header_row == 2 and sheets[0].plain
    assert sheets[0].columns == ["序号", "微博内容", "用户ID", "标注员1", "标注员2", "裁定", "点赞数"]
    assert sheets[0].rows[0].number == 3 and sheets[0].rows[0].cells["点赞数"] == "0"


def test_several_title_rows_and_a_note(tmp_path: Path) -> None:
    rows = [
        ["表一"],
        [None],
        ["标注日期", "2024-05-01", "标注人", "张三"],
        ["说明：请勿外传"],
        ["帖子", "甲", "乙", "备注"],
        ["不想说话", "高", "低", ""],
    ]
    sheet = read_sheets(books.save(tmp_path / "a.xlsx", {"s": rows}))[0][0]
    assert sheet.header_row == 5 and sheet.plain and len(sheet.rows) == 1


def test_two_header_rows_merged(tmp_path: Path) -> None:
    sheet = read_sheets(books.ticks_in_two_header_rows(tmp_path / "lab.xlsx"))[0][0]
    assert sheet.header_row == 2 and not sheet.plain
    assert sheet.columns[:5] == ["编号", "原文", "张三/读心术", "张三/乱贴标签", "张三/应该式"]
    assert len(sheet.rows) == 40 and sheet.rows[0].cells["李四/读心术"] == "1"


def test_two_header_rows_that_nobody_merged(tmp_path: Path) -> None:
    rows = [
        ["序", "帖子", "甲", None, "乙", None],
        ["", "", "读心术", "放大", "读心术", "放大"],
        [1, "算了吧", "√", None, None, "√"],
    ]
    sheet = read_sheets(books.save(tmp_path / "a.xlsx", {"s": rows}))[0][0]
    assert sheet.columns == ["序", "帖子", "甲/读心术", "甲/放大", "乙/读心术", "乙/放大"]


def test_a_title_over_the_whole_table_is_no_header_row(tmp_path: Path) -> None:
    rows = [["标注结果", None, None], ["帖子", "甲", "乙"], ["算了吧", "高", "低"]]
    sheet = read_sheets(books.save(tmp_path / "a.xlsx", {"s": rows}, {"s": ["A1:C1"]}))[0][0]
    assert sheet.columns == ["帖子", "甲", "乙"] and sheet.plain


def test_cells_merged_downwards_are_filled(tmp_path: Path) -> None:
    rows = [["作者", "帖子", "标签"], ["a", "今天很累", "高"], [None, "睡不着", "低"], ["b", "算了吧", "高"]]
    sheet = read_sheets(books.save(tmp_path / "a.xlsx", {"s": rows}, {"s": ["A2:A3"]}))[0][0]
    assert [row.cells["作者"] for row in sheet.rows] == ["a", "a", "b"] and not sheet.plain


def test_a_name_twice_and_cells_of_all_kinds(tmp_path: Path) -> None:
    rows = [
        ["text", "label", "label", "when", "sure"],
        ["a post", 1.0, 2.5, date(2024, 5, 1), True],
        [None] * 5,
        ["more", None, "#N/A", None, False],
    ]
    sheet = read_sheets(books.save(tmp_path / "a.xlsx", {"s": rows}))[0][0]
    assert sheet.columns == ["text", "label", "label_2", "when", "sure"] and not sheet.plain
    assert list(sheet.rows[0].cells.values()) == ["a post", "1", "2.5", "2024-05-01", "TRUE"]
    assert [row.number for row in sheet.rows] == [2, 4]


def test_hidden_sheets_and_formulas_without_a_value_are_named(tmp_path: Path) -> None:
    path = books.save(
        tmp_path / "a.xlsx",
        {"s": [["text", "label"], ["a post", '=IF(1,"高","低")']], "old": [["text", "label"], ["x", "y"]]},
    )
    book = load_workbook(path)
    book["old"].sheet_state = "hidden"
    book.save(path)
    sheets, notes = read_sheets(path)
    assert [sheet.name for sheet in sheets] == ["s"]
    assert any("'old' is hidden" in note for note in notes)
    assert any("1 cells hold formulas without a stored value" in note for note in notes)


@pytest.mark.parametrize("content", [b"not a workbook", b"PK\x03\x04 torn"])
def test_what_is_no_workbook(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.xlsx").write_bytes(content)
    with pytest.raises(UserError, match="no Excel workbook"):
        read_sheets(tmp_path / "a.xlsx")


def test_a_file_or_sheet_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_sheets(tmp_path / "none.xlsx")
    with pytest.raises(UserError, match="no sheet '三月'; its sheets: 标注, 标签说明"):
        read_sheets(books.two_annotators(tmp_path / "lab.xlsx"), {"三月": 1})
