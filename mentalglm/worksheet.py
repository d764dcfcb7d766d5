"""A worksheet that people read and fill in: text that no program takes for a formula, columns that can be read."""

from collections.abc import Sequence
from math import ceil
from typing import Any

_LONGEST_CELL = 32_000  # a spreadsheet's cell holds 32,767 characters
_LINE = 16.5  # points
_TALLEST = 400.0


def cell_text(text: str) -> str:
    """``text`` as a cell can hold it: control characters that XML forbids are blanks, and the longest texts are cut."""
    kept = "".join(" " if (ord(c) < 32 and c not in "\n\t") or c in "\ufffe\uffff" else c for c in text)
    if len(kept) <= _LONGEST_CELL:
        return kept
    return f"{kept[:_LONGEST_CELL]}……（+{len(kept) - _LONGEST_CELL}）"


def write_text(cell: Any, text: str) -> None:
    """Puts ``text`` into ``cell`` as text: ``=1+1`` is what somebody wrote, also after the cell has been edited."""
    cell.value = cell_text(text)
    if cell.data_type == "f" or text[:1] in tuple("=+-@＝＋－＠"):
        cell.data_type = "s"
        cell.quotePrefix = True


def write_rows(
    sheet: Any, header: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], to_fill: str | None = None
) -> None:
    """Fills a worksheet with a header that stays in sight and rows as tall as their longest cell.

    Args:
        sheet: An empty openpyxl worksheet.
        header: The columns' names.
        rows: The cells, all of them text.
        widths: Column widths, in Latin characters; a Chinese one takes two.
        to_fill: The column that is to be filled in.
    """
    from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
    from openpyxl.utils import get_column_letter

    line = Side(style="thin", color="D0D7DE")
    wrapped, border = Alignment(wrap_text=True, vertical="top"), Border(bottom=line, right=line)
    for column, (name, width) in enumerate(zip(header, widths, strict=True), 1):
        sheet.column_dimensions[get_column_letter(column)].width = width
        cell = sheet.cell(1, column)
        write_text(cell, name)
        cell.font, cell.alignment, cell.border = Font(name="Calibri", bold=True, color="FFFFFF"), wrapped, border
        cell.fill = PatternFill("solid", fgColor="33566B")
    for number, row in enumerate([header, *rows], 1):
        lines = max((_lines(text, width) for text, width in zip(row, widths, strict=True)), default=1)
        sheet.row_dimensions[number].height = min(_TALLEST, _LINE * lines + 3)
    for number, row in enumerate(rows, 2):
        for column, text in enumerate(row, 1):
            cell = sheet.cell(number, column)
            cell.alignment, cell.border = wrapped, border
            if header[column - 1] == to_fill:
                cell.fill = PatternFill("solid", fgColor="FFF8DC")
            if text:
                write_text(cell, text)
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(header))}{max(len(rows) + 1, 2)}"
    sheet.sheet_view.zoomScale = 110


def _lines(text: str, width: int) -> int:
    """How many lines ``text`` takes in a column."""
    # Widths are counted in digits. A Chinese character is a little wider than two, and a cell has margins.
    wide = [sum(2.3 if ord(character) > 0x2E7F else 1 for character in line) for line in text.split("\n")]
    return sum(max(1, ceil(size / max(width - 1, 1))) for size in wide)
