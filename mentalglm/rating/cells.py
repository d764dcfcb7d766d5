"""The cells that a rater fills in: a drop-down of the scale, and what was written there."""

import unicodedata
from typing import Any

from mentalglm.rating.aspects import ASPECTS, SCALE


def offer_scale(sheet: Any, first_column: int, last_row: int) -> None:
    """Puts a drop-down of the scale into every aspect's cells, which take nothing else.

    Args:
        sheet: An openpyxl worksheet whose first row is a header.
        first_column: The column of the first aspect, from 1; the others follow.
        last_row: The last row to fill in.
    """
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    choice = DataValidation(
        type="list",
        formula1=f'"{",".join(map(str, SCALE))}"',
        allow_blank=True,
        showErrorMessage=True,
        errorTitle="0–3",
        error="请选 0、1、2 或 3 / choose 0, 1, 2 or 3",
    )
    sheet.add_data_validation(choice)
    for column in range(first_column, first_column + len(ASPECTS)):
        letter = get_column_letter(column)
        choice.add(f"{letter}2:{letter}{last_row}")


def whole_number(cell: str) -> int | None:
    """A whole number as people and spreadsheet programs write it: 2, 2.0, ２; None for anything else."""
    try:
        value = float(unicodedata.normalize("NFKC", cell).strip())
    except ValueError:
        return None
    return int(value) if value.is_integer() else None
