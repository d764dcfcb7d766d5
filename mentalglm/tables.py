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


def read_table(
    path: Path,
    needed: Sequence[str] = (),
    *,
    sheet: str | None = None,
    header_row: int = 1,
    encoding: str | None = None,
) -> Iterator[tuple[int, dict[str, str] | BadRow]]:
    """Reads the rows of a .csv, .tsv or .xlsx file.

    Args:
        path: The file; any other ending is read as comma-separated text.
        needed: Columns that must be there once.
        sheet: Which sheet of a workbook; the first where none is given.
        header_row: Which row holds the columns' names, from 1; blank rows of text files are not counted.
        encoding: The encoding of bytes that are not UTF-8, as :func:`~mentalglm.encodings.mixed_lines`; found by itself
            where it is None.

    Yields:
        The row's number, from 0, with its cells by column or with what is wrong with it.

    Raises:
        UserError: The file cannot be read as a whole, has no such sheet, or lacks a needed column.
    """
    ending = path.suffix.lower()
    if ending == ".xlsx":
        records = _sheet(path, sheet, header_row)
    else:
        records = islice(_separated(path, "\t" if ending == ".tsv" else ",", encoding), header_row - 1, None)
    header = next(records, None)
    if header is None:
        return
    if isinstance(header, str):
        raise UserError(f"{path}: the header cannot be read: {header}")
    header = [name.strip() for name in header]
    for name in needed:
        if header.count(name) != 1:
            wrong = "no column" if name not in header else "more than one column"
            raise UserError(f"{path}: {wrong} {name!r}; columns found: {', '.join(filter(None, header)) or 'none'}")
    for row, cells in enumerate(records):
        if isinstance(cells, str):
            yield row, BadRow(row, "bad_row", cells)
        elif ending != ".xlsx" and any(cells[len(header) :]):  # a sheet has true columns: it is a note beside the table
            yield row, BadRow(row, "bad_row", f"{len(cells)} fields under {len(header)} columns; quote the text")
        elif any(header.index(name) >= len(cells) for name in needed):
            yield row, BadRow(row, "bad_row", f"{len(cells)} fields under {len(header)} columns")
        else:
            yield row, dict(zip(header, cells, strict=False))


def _lines(path: Path, encoding: str | None) -> Iterator[str]:
    return file_lines(path) if encoding is None else mixed_lines(path, encoding)


def _separated(path: Path, delimiter: str, encoding: str | None) -> Iterator[list[str] | str]:
    """CSV records, blank lines left out; a string says why a record is broken.

    A quote that nothing closes would take all later lines into its record. Such a record is ended after its first line,
    and the lines that it took are read again as records of their own.
    """
    csv.field_size_limit(2**31 - 1)
    file, again = _lines(path, encoding), deque[str]()
    taken: list[str] = []

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


def _sheet(path: Path, name: str | None, first_row: int) -> Iterator[list[str] | str]:
    """The records of a sheet; empty rows at its end are left out, empty ones before it are rows."""
    from openpyxl import load_workbook

    try:
        book = load_workbook(path, read_only=True, data_only=True)
        if name is not None and name not in book.sheetnames:
            raise UserError(f"{path}: no sheet {name!r}; sheets found: {', '.join(book.sheetnames)}")
        sheet = book.worksheets[0] if name is None else book[name]
        sheet.reset_dimensions()  # some programs write a wrong size
        width = blank = 0
        for cells in sheet.iter_rows(min_row=first_row):
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
