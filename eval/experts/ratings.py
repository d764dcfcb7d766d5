"""Reads the sheets that raters sent back, as Excel, WPS or LibreOffice leave them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.experts.key import fingerprint
from eval.experts.workbook import COMMENT, EXPLANATION, GUIDE, NUMBER, RATER, RATINGS, REVIEW
from mentalglm.errors import UserError
from mentalglm.rating.aspects import ASPECTS, SCALE
from mentalglm.rating.cells import whole_number
from mentalglm.tables import BadRow, open_table

_SHORT = 12  # a longer cell may hold a post's words, which no message repeats


@dataclass
class Ratings:
    """What raters said.

    Attributes:
        raters: Their names: what they wrote beside “rater”, else their file's name.
        scores: By aspect, shape ``(rows of the key, raters)``, ``nan`` where a cell is blank.
        comments: How many comments each wrote.
        mistakes: One line for each cell or row that could not be used.
    """

    raters: list[str]
    scores: dict[str, NDArray[np.float64]]
    comments: list[int]
    mistakes: list[str] = field(default_factory=list)


def read_ratings(files: Sequence[Path], key: dict[str, Any]) -> Ratings:
    """Reads one sheet per rater.

    Args:
        files: The sheets.
        key: Their key.

    Raises:
        UserError: A file is no rating sheet, or another review's, or two are of one rater.
    """
    shape = (len(key["rows"]), len(files))
    found = Ratings([], {aspect.name: np.full(shape, np.nan) for aspect in ASPECTS}, [0] * len(files))
    for rater, path in enumerate(files):
        name = _rater(path, key["review"])
        if name in found.raters:
            other = files[found.raters.index(name)]
            raise UserError(f"{other} and {path} are both of rater {name!r}; write other names beside {RATER!r}")
        found.raters.append(name)
        _read(path, rater, key, found)
    return found


def _rater(path: Path, review: str) -> str:
    """The rater's name; and the sheet is of this review, or refused."""
    if not path.is_file():
        raise UserError(f"{path} not found; give the sheets that raters sent back", "missing_file")
    if path.suffix.lower() != ".xlsx":
        raise UserError(f"{path}: not an Excel workbook; save it as .xlsx")
    try:
        lines = [cells for _, cells in open_table(path, sheet=GUIDE).rows if not isinstance(cells, BadRow)]
    except UserError as error:
        raise UserError(f"{error}; give a sheet that python -m eval sheet wrote") from None
    noted = {line[0].strip(): line[1].strip() for line in lines if len(line) > 1}
    if noted.get(REVIEW) != review:
        theirs = repr(noted[REVIEW]) if REVIEW in noted else "none"
        raise UserError(f"{path}: of review {theirs}, and the key is of {review!r}; name its own key with --key")
    return noted.get(RATER) or path.stem


def _read(path: Path, rater: int, key: dict[str, Any], found: Ratings) -> None:
    table = open_table(path, [NUMBER, EXPLANATION, *(aspect.column for aspect in ASPECTS)], sheet=RATINGS)
    places = {row["no"]: place for place, row in enumerate(key["rows"])}
    letters = {name: _letter(place) for place, name in enumerate(table.columns)}
    left = set(places)
    for row, cells in table.rows:
        line = row + 2  # as the spreadsheet program counts, the header being 1
        if isinstance(cells, BadRow):
            found.mistakes.append(f"{path.name}, row {line}: {cells.message}")
            continue
        given = dict(zip(table.columns, cells, strict=False))
        if not any(cell.strip() for cell in cells):
            continue
        number = whole_number(given[NUMBER])
        if number not in left:
            why = "stands twice" if number in places else "is no number of the key"
            found.mistakes.append(f"{path.name}, {letters[NUMBER]}{line}: {_shown(given[NUMBER])} {why}; row left out")
            continue
        left.discard(number)
        place = places[number]
        if fingerprint(given.get(EXPLANATION, "")) != key["rows"][place]["explanation"]:
            problem = f"the explanation is not that of number {number}; sort whole rows, not one column; row left out"
            found.mistakes.append(f"{path.name}, {letters[EXPLANATION]}{line}: {problem}")
            continue
        for aspect in ASPECTS:
            written = given.get(aspect.column, "")
            score = whole_number(written)
            if score in SCALE:
                found.scores[aspect.name][place, rater] = score
            elif written.strip():
                where = f"{path.name}, {letters[aspect.column]}{line}"
                found.mistakes.append(f"{where}: {_shown(written)} is none of 0, 1, 2, 3 ({aspect.name})")
        found.comments[rater] += bool(given.get(COMMENT, "").strip())
    if left:
        found.mistakes.append(f"{path.name}: {len(left)} of {len(places)} rows are missing")


def _shown(cell: str) -> str:
    return repr(cell) if len(cell) <= _SHORT else f"a text of {len(cell)} characters"


def _letter(place: int) -> str:
    from openpyxl.utils import get_column_letter

    return str(get_column_letter(place + 1))
