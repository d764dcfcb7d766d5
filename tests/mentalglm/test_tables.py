"""Tables with their header further down, in a sheet by name, or in two encodings at once."""

from pathlib import Path
from typing import Any

import openpyxl
import pytest

from mentalglm.encodings import DAMAGE, mixed_lines
from mentalglm.errors import UserError
from mentalglm.tables import BadRow, read_table


def rows(path: Path, *needed: str, **keys: Any) -> list[Any]:
    return [row for _, row in read_table(path, needed, **keys)]


@pytest.fixture
def book(tmp_path: Path) -> Path:
    made = openpyxl.Workbook()
    made.active.append(["first"])
    page = made.create_sheet("第二")
    page["A1"] = "a title that is merged over the columns"
    page.merge_cells("A1:C1")
    for row in [["text", "label", None], ["一", 1, None], [None, None, None], ["二", 2.5, "more"]]:
        page.append(row)
    made.save(tmp_path / "a.xlsx")
    return tmp_path / "a.xlsx"


def test_a_sheet_by_name_with_a_title_above_its_header(book: Path) -> None:
    first, blank, last = rows(book, "text", sheet="第二", header_row=2)
    assert first == {"text": "一", "label": "1"}
    assert blank == {"text": "", "label": ""}
    assert last == {"text": "二", "label": "2.5"}  # a note beside the table is no fault of its row
    assert rows(book) == []


def test_a_sheet_or_column_that_is_not_there_is_named(book: Path) -> None:
    with pytest.raises(UserError, match=r"a\.xlsx: no sheet '第三'; sheets found: Sheet, 第二"):
        rows(book, sheet="第三")
    with pytest.raises(UserError, match=r"a\.xlsx: no column 'label'; columns found: first"):
        rows(book, "label")


def test_lines_above_the_header_of_a_text_table_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("made by hand\n\ntext,label\n一,1\n二\n三,1,9\n", encoding="utf-8")
    good, short, long = rows(path, "text", "label", header_row=2)
    assert good == {"text": "一", "label": "1"}
    assert isinstance(short, BadRow) and short.message == "1 fields under 2 columns"
    assert isinstance(long, BadRow) and long.message == "3 fields under 2 columns; quote the text"


@pytest.mark.parametrize(
    ("encoding", "byte", "sign"), [("cp1252", b"\x92", "’"), ("mac_roman", b"\xd5", "’"), ("latin-1", b"\xe9", "é")]
)
def test_bytes_of_another_encoding_among_utf_8(tmp_path: Path, encoding: str, byte: bytes, sign: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfit" + byte + "s\r\né’好\n".encode())
    assert list(mixed_lines(path, encoding)) == [f"it{sign}s\r\n", "é’好\n"]


def test_a_byte_of_neither_encoding_spoils_its_line_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"text\na\x81b\nc\n")
    assert list(mixed_lines(path, "cp1252"))[1] == f"a{DAMAGE}b\n"
    bad, good = rows(path, encoding="cp1252")
    assert isinstance(bad, BadRow) and bad.message == "line 2 holds bytes that are no text in the file's encoding"
    assert good == {"text": "c"}


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.csv cannot be read"):
        rows(tmp_path / "gone.csv", encoding="cp1252")
