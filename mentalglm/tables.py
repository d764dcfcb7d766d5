"""Reads tables row by row: CSV, TSV and the sheets of a workbook.

A file is never held in memory, a row that cannot be read never stops the file, and no message holds a row's text.
"""

import csv
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from mentalglm.encodings import DAMAGE, file_lines, mixed_lines
from mentalglm.errors import UserError
from mentalglm.progress import Meter

_LAST_ROW = 1_048_576  # of any sheet
_LONGEST_RECORD = 2_000  # lines; bounds what an open quote can take, in memory and in time
# What zip, XML and openpyxl's own parser raise on a damaged or locked file (XML errors are SyntaxErrors).
_BROKEN_WORKBOOK = (
    BadZipFile, zlib.error, EOFError, RuntimeError, SyntaxError, ValueError, TypeError, LookupError, AttributeError
)  # fmt: skip


@dataclass(frozen=True)
class BadRow:
    """A row that could not be read; the message never holds the row's text."""

    row: int
    code: str
    message: str


def undecodable(line: int) -> str:
    """Why a line that holds :data:`~mentalglm.encodings.DAMAGE` cannot be read."""
    return f"line {line} holds bytes that are no text in the file's encoding"


@dataclass(frozen=True)
class Table:
    """A table whose rows are read as they are asked for.

    Attributes:
        columns: The header, names stripped, in the file's order.
        rows: The row's number, from 0, with its cells (fewer than columns where the row is short) or with what is
            wrong with it.
    """

    columns: list[str]
    rows: Iterator[tuple[int, list[str] | BadRow]]


def read_table(
    path: Path,
    needed: Sequence[str] = (),
    *,
    sheet: str | None = None,
    header_row: int = 1,
    encoding: str | None = None,
) -> Iterator[tuple[int, dict[str, str] | BadRow]]:
    """Reads the rows of a table, as :func:`open_table`.

    Yields:
        The row's number, from 0, with its cells by column or with what is wrong with it.
    """
    table = open_table(path, needed, sheet=sheet, header_row=header_row, encoding=encoding)
    for row, cells in table.rows:
        yield row, cells if isinstance(cells, BadRow) else dict(zip(table.columns, cells, strict=False))


def open_table(
    path: Path,
    needed: Sequence[str] = (),
    *,
    sheet: str | None = None,
    header_row: int = 1,
    encoding: str | None = None,
    meter: Meter | None = None,
) -> Table:
    """Opens a .csv, .tsv or .xlsx file and reads its header.

    Args:
        path: The file; any other ending is read as comma-separated text.
        needed: Columns that must be there once.
        sheet: Which sheet of a workbook; the first where none is given.
        header_row: Which row holds the columns' names, from 1; blank rows of text files are not counted.
        encoding: The encoding of bytes that are not UTF-8, as :func:`~mentalglm.encodings.mixed_lines`; found by itself
            where it is None.
        meter: Is told how far the file has been read.

    Returns:
        The table; without columns and rows if the file has no header.

    Raises:
        UserError: The file cannot be read as a whole, has no such sheet, or lacks a needed column.
    """
    ending = path.suffix.lower()
    meter = Meter() if meter is None else meter
    if ending == ".xlsx":
        records = _sheet(path, sheet, header_row, meter)
    else:
        lines = file_lines(path, meter) if encoding is None else mixed_lines(path, encoding)
        records = islice(_separated(lines, "\t" if ending == ".tsv" else ","), header_row - 1, None)
    header = next(records, None)
    if header is None:
        return Table([], iter(()))
    if isinstance(header, str):
        raise UserError(f"{path}: the header cannot be read: {header}")
    header = [name.strip() for name in header]
    for name in needed:
        if header.count(name) != 1:
            wrong = "no column" if name not in header else "more than one column"
            raise UserError(f"{path}: {wrong} {name!r}; columns found: {', '.join(filter(None, header)) or 'none'}")
    # A sheet has true columns: what stands right of them is a note beside the table. In a text file it is a slip.
    widest = None if ending == ".xlsx" else len(header)
    return Table(header, _checked(records, len(header), 1 + max(map(header.index, needed), default=-1), widest))


def _checked(
    records: Iterator[list[str] | str], width: int, least: int, widest: int | None
) -> Iterator[tuple[int, list[str] | BadRow]]:
    for row, cells in enumerate(records):
        if isinstance(cells, str):
            yield row, BadRow(row, "bad_row", cells)
        elif widest is not None and any(cells[widest:]):
            yield row, BadRow(row, "bad_row", f"{len(cells)} fields under {width} columns; quote the text")
        elif len(cells) < least:
            yield row, BadRow(row, "bad_row", f"{len(cells)} fields under {width} columns")
        else:
            yield row, cells[:width]


def _separated(file: Iterator[str], delimiter: str) -> Iterator[list[str] | str]:
    """CSV records, blank lines left out; a string says why a record is broken.

    A quote that nothing closes would take all later lines into its record. Such a record is ended after its first line,
    and the lines that it took are read again as records of their own.
    """
    csv.field_size_limit(2**31 - 1)
    again, taken = deque[str](), list[str]()

    def lines() -> Iterator[str]:
        while len(taken) < _LONGEST_RECORD and (line := again.popleft() if again else next(file, None)) is not None:
            taken.append(line)
            yield line

    number = 1
    while True:
        taken.clear()
        try:
            cells = next(csv.reader(lines(), delimiter=delimiter, strict=True), None)
        except csv.Error:
            again.extendleft(reversed(taken[1:]))
            del taken[1:]
            cells = []
            problem = f"line {number}: a quote is opened and not closed, or not doubled; the next line is read anew"
        else:
            problem = ""
        if cells is None:
            return
        damaged = next((place for place, line in enumerate(taken, number) if DAMAGE in line), None)
        if damaged is not None:
            yield undecodable(damaged)
        elif problem or cells:
            yield problem or cells
        number += len(taken)


def _sheet(path: Path, name: str | None, first_row: int, meter: Meter) -> Iterator[list[str] | str]:
    """The records of a sheet; empty rows at its end are left out, empty ones before it are rows."""
    from openpyxl import load_workbook

    try:
        book = load_workbook(path, read_only=True, data_only=True)
        if name is not None and name not in book.sheetnames:
            raise UserError(f"{path}: no sheet {name!r}; sheets found: {', '.join(book.sheetnames)}")
        sheet = book.worksheets[0] if name is None else book[name]
        meter.total = sheet.max_row if (sheet.max_row or _LAST_ROW) < _LAST_ROW else None
        sheet.reset_dimensions()  # some programs write a wrong size: good for a guess of the time left at most
        width = blank = 0
        for cells in sheet.iter_rows(min_row=first_row):
            meter.done += 1
            values = [_cell(cell) for cell in cells]
            width = width or len(values)
            values += [""] * (width - len(values))  # empty cells at a row's end are not stored
            if all(value == "" for value in values):
                blank += 1
                continue
            yield from ([""] * width for _ in range(blank))
            blank = 0
            whole = [value for value in values if value is not None]
            yield whole if len(whole) == len(values) else "a cell holds an error, not text"
        book.close()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); check the file and its permissions") from None
    except _BROKEN_WORKBOOK:
        raise UserError(f"{path} is no Excel workbook, or is damaged or locked by a password", code="binary") from None


def _cell(cell: Any) -> str | None:
    """A cell as text: ``666`` typed into a sheet is a number there and a post here. None for an error value."""
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "e":
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
