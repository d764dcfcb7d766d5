"""Reads the workbooks that experts sent back."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instructions.review.export import COMMENT, GUIDE, NUMBER, RATINGS, REVIEW
from instructions.workbook.sheets import Row, read_sheets
from mentalglm.errors import UserError
from mentalglm.rating.aspects import ASPECTS, SCALE
from mentalglm.rating.cells import whole_number


@dataclass(frozen=True)
class Ratings:
    """What the experts said.

    Attributes:
        key: The key that was written with the workbook.
        experts: Their names, from the files' names.
        scores: Aspect -> (rows of the key, experts), ``nan`` where a cell is blank.
        comments: (row number, expert) of every comment.
        faults: What could not be used, by file and row, never a text.
    """

    key: dict[str, Any]
    experts: list[str]
    scores: dict[str, NDArray[np.float64]]
    comments: list[tuple[int, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def read_ratings(files: Sequence[Path], key_file: Path) -> Ratings:
    """Reads one workbook per expert.

    Raises:
        UserError: A file is no review workbook, or of another review than the key.
    """
    key = _read_key(key_file)
    names = _names(files)
    shape = (len(key["rows"]), len(files))
    found = Ratings(key, names, {aspect.name: np.full(shape, np.nan) for aspect in ASPECTS})
    places = {row["no"]: place for place, row in enumerate(key["rows"])}
    for expert, path in enumerate(files):
        seen: set[int] = set()
        for row in _rows(path, key["review"]):
            number = whole_number(row.cells[NUMBER])
            where = f"{path.name}, row {row.number}"
            if number is None or number not in places or number in seen:
                found.faults.append(f"{where}: the number is missing, unknown or stands twice")
                continue
            seen.add(number)
            for aspect in ASPECTS:
                written = row.cells.get(aspect.column, "")
                score = whole_number(written)
                if score in SCALE:
                    found.scores[aspect.name][places[number], expert] = score
                elif written.strip():
                    found.faults.append(f"{where}: {aspect.name} is none of 0, 1, 2, 3")
            if row.cells.get(COMMENT, "").strip():
                found.comments.append((number, names[expert]))
        if len(seen) < len(places):
            found.faults.append(f"{path.name}: {len(places) - len(seen)} rows are missing")
    return found


def _read_key(path: Path) -> dict[str, Any]:
    try:
        key: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if key["review"] and all({"no", "id", "task"} <= set(row) for row in key["rows"]):
            return key
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); name the key with --key", "missing_file") from None
    except (ValueError, KeyError, TypeError):
        pass
    raise UserError(f"{path}: not the key that review export wrote; name it with --key")


def _rows(path: Path, review: str) -> list[Row]:
    wanted = {NUMBER, *(aspect.column for aspect in ASPECTS)}
    try:
        sheets = {sheet.name: sheet for sheet in read_sheets(path, {RATINGS: 1, GUIDE: 1})[0]}
        missing = wanted - set(sheets[RATINGS].columns)
    except KeyError:
        missing = wanted
    if missing:
        raise UserError(f"{path}: not a review workbook; it lacks {sorted(missing)[0]!r} on the sheet {RATINGS!r}")
    cells = [list(row.cells.values()) for row in sheets[GUIDE].rows] if GUIDE in sheets else []
    theirs = next((line[1] for line in cells if line[:1] == [REVIEW]), None)
    if theirs != review:
        raise UserError(f"{path}: of review {theirs!r}, but the key is of {review!r}; name its own key with --key")
    return sheets[RATINGS].rows


def _names(files: Sequence[Path]) -> list[str]:
    names = [path.stem for path in files]
    if len(set(names)) < len(names):
        raise UserError("two workbooks have the same name; name each after its expert, such as review_a.xlsx")
    return names
