"""Reads the tables of a workbook as labs lay them out: titles above the header, two header rows, merged cells."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from instructions.workbook.header import Grid, Span, column_names, find_header, unique_names
from mentalglm.errors import UserError


@dataclass(frozen=True)
class Row:
    """One row below the header: its number as the spreadsheet program shows it, and column -> cell."""

    number: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Sheet:
    """One sheet that holds a table.

    Attributes:
        name: The sheet's name.
        header_row: The row of the columns' names, from 1; the lower one where there are two.
        plain: Whether a reader that knows the header row alone sees the same table: no second header row, no merged
            cells below it, no name twice.
        columns: The names; ``upper/lower`` where there are two header rows.
        rows: The rows that are not blank.
    """

    name: str
    header_row: int
    plain: bool
    columns: list[str]
    rows: list[Row]


def sheet_names(path: Path) -> list[str]:
    """The names of a workbook's sheets.

    Raises:
        UserError: The file is missing or no workbook.
    """
    names: list[str] = _open(path, read_only=True).sheetnames
    return names


def read_sheets(path: Path, header_rows: Mapping[str, int] | None = None) -> tuple[list[Sheet], list[str]]:
    """The tables of a workbook, one per visible sheet, and notes on what was left out.

    Args:
        path: An .xlsx file.
        header_rows: The header row of each sheet to read, from 1; searched for in every sheet where it is not given.

    Raises:
        UserError: The file is missing or no workbook, or has no such sheet.
    """
    formulas, book = _open(path), _open(path, data_only=True)
    absent = [name for name in header_rows or () if name not in book.sheetnames]
    if absent:
        raise UserError(f"{path}: no sheet {absent[0]!r}; its sheets: {', '.join(book.sheetnames)}")
    sheets, notes = [], list[str]()
    for page in book.worksheets:
        if header_rows is not None and page.title not in header_rows:
            continue
        if header_rows is None and page.sheet_state != "visible":
            notes.append(f"sheet {page.title!r} is hidden and was left out")
            continue
        lost = _lost_formulas(formulas[page.title], page)
        if lost:
            notes.append(
                f"sheet {page.title!r}: {lost} cells hold formulas without a stored value and count as blank; "
                "open the file in a spreadsheet program and save it"
            )
        sheet = _sheet(page, None if header_rows is None else header_rows[page.title] - 1)
        if sheet is None:
            notes.append(f"sheet {page.title!r} holds no table and was left out")
        else:
            sheets.append(sheet)
    return sheets, notes


def _open(path: Path, **options: bool) -> Any:
    from openpyxl import load_workbook

    try:
        return load_workbook(path, **options)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check the path", code="missing_file") from None
    except Exception:  # openpyxl's InvalidFileException, and whatever zip and XML raise on a damaged or locked file
        raise UserError(f"{path}: no Excel workbook (.xlsx), or damaged or locked by a password") from None


def _sheet(page: Any, header: int | None) -> Sheet | None:
    grid: Grid = [[_text(cell) for cell in row] for row in page.iter_rows()]
    spans: list[Span] = [(m.min_row - 1, m.min_col - 1, m.max_row - 1, m.max_col - 1) for m in page.merged_cells.ranges]
    if header is None:
        header = find_header(grid, spans)
    if header is None or header >= len(grid):
        return None
    names = column_names(grid, spans, header)
    as_written = names == grid[header]
    merged_below = [span for span in spans if span[0] > header]
    for top, left, bottom, right in merged_below:
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                grid[row][column] = grid[top][left]
    repeated = len(set(filter(None, names))) < len(list(filter(None, names)))
    names = unique_names(names)
    rows = [
        Row(number + 1, {name: cell for name, cell in zip(names, grid[number], strict=True) if name})
        for number in range(header + 1, len(grid))
        if any(cell for name, cell in zip(names, grid[number], strict=True) if name)
    ]
    if not rows:
        return None
    return Sheet(
        page.title, header + 1, as_written and not merged_below and not repeated, [name for name in names if name], rows
    )


def _text(cell: Any) -> str:
    value = cell.value
    if value is None or cell.data_type == "e":
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime | date):
        return (
            value.isoformat(" ")
            if isinstance(value, datetime) and value.time().isoformat() != "00:00:00"
            else f"{value:%Y-%m-%d}"
        )
    return str(value).strip("\ufeff \t\r\n")


def _lost_formulas(formulas: Any, values: Any) -> int:
    return sum(
        cell.data_type == "f" and values[cell.coordinate].value is None for row in formulas.iter_rows() for cell in row
    )
