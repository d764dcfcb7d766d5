"""What is known of each post beside its text: columns of the data file, and a few that the text itself gives."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from eval.data import file_hash, load_data
from mentalglm.encodings import file_lines
from mentalglm.errors import UserError
from mentalglm.readers import LabelledRow, read_objects
from mentalglm.tables import BadRow, read_table

# A column with more different values, or longer ones, is no way to divide posts; it may even be their text.
_VALUES = 30
_LONGEST = 40
NONE = "–"


def column_of(name: str, path: Path, manifest: dict[str, Any], rows: set[int], parts: int) -> dict[int, str]:
    """The slice of every row that was answered, by row number.

    Args:
        name: A column or key of the file, a key of its ``meta``, or ``length`` (characters), ``language`` or
            ``seen_group`` (whether a row of split train has the same author or pair).
        path: The file that the run answered.
        manifest: The run's manifest, which knows the file's hash.
        rows: The numbers of the rows that were answered.
        parts: Numbers and dates are divided into so many parts with as many posts each.

    Raises:
        UserError: The file is another one, has no such column, or the column has too many values.
    """
    if not path.is_file():
        raise UserError(f"{path} is not a file; give the file of posts that the run answered")
    if file_hash(path) != manifest["data"]["sha256"]:
        raise UserError(f"{path} is not the file that was run (its hash differs); give the file of posts of that run")
    values = _derived(name, path, manifest) if name in _DERIVED else written(name, path, [*_DERIVED])
    return into_slices(name, {row: values.get(row) for row in rows}, parts)


def written(name: str, path: Path, besides: Sequence[str] = ()) -> dict[int, Any]:
    """What the file holds in a column, or under a key of its ``meta``, by row number.

    Args:
        name: The column.
        path: The file.
        besides: What the user could have named instead, beside the file's columns.

    Raises:
        UserError: It has no such column.
    """
    rows: dict[int, Mapping[str, Any]] = {}
    known: dict[str, None] = {}
    for row, item in read_objects(file_lines(path)) if path.suffix == ".jsonl" else read_table(path):
        if not isinstance(item, BadRow):
            meta = item.get("meta")
            rows[row] = {**item, **meta} if isinstance(meta, dict) else item
            known |= dict.fromkeys(rows[row])
    if name not in known:
        choice = ", ".join([*known, *besides])
        raise UserError(f"{path}: no column {name!r}; there are {choice}")
    return {row: item.get(name) for row, item in rows.items()}


def _derived(name: str, path: Path, manifest: dict[str, Any]) -> dict[int, Any]:
    data = manifest["data"]
    if name == "seen_group" and data.get("split_by"):
        raise UserError(f"the run divided {path} anew, so that its column split says nothing; slice by another column")
    columns = {"text_column": data.get("text_column"), "label_column": data.get("label_column")}
    read = load_data(path, manifest["task"], split="all", **columns)
    seen = {row.group for row in read.train}
    if name == "seen_group" and not seen:
        raise UserError(f"{path} has no rows of split train; seen_group cannot be known")
    return {row.row: _DERIVED[name](row, seen) for row in read.samples}


def language(text: str) -> str:
    """``zh``, ``mixed`` (more than a tenth of its letters are Chinese), ``other``, or a dash without any letter."""
    letters = [character for character in text if character.isalpha()]
    share = sum("\u4e00" <= character <= "\u9fff" for character in letters) / max(len(letters), 1)
    return NONE if not letters else "zh" if share > 0.5 else "mixed" if share > 0.1 else "other"


_DERIVED: dict[str, Callable[[LabelledRow, set[str]], Any]] = {
    "length": lambda row, _: len(row.text),
    "language": lambda row, _: language(row.text),
    "seen_group": lambda row, seen: "yes" if row.group in seen else "no",
}


def into_slices(name: str, values: dict[int, Any], parts: int) -> dict[int, str]:
    """The slice of each row: its value, or the part of its numbers or dates.

    Raises:
        UserError: The values are too many or too long to divide posts by, or there are none.
    """
    given = {row: str(value).strip() for row, value in values.items() if value is not None and str(value).strip()}
    found = dict.fromkeys(values, NONE)
    distinct = set(given.values())
    if any(len(value) > _LONGEST for value in distinct):
        raise UserError(f"column {name!r} holds values of more than {_LONGEST} characters; choose one of short names")
    if not distinct:
        raise UserError(f"column {name!r} is empty in every row; choose another")
    ranks = _ranks(distinct) if len(distinct) > 2 * parts else None
    if ranks is None:
        if len(distinct) > _VALUES:
            raise UserError(f"column {name!r} has {len(distinct)} different values; choose one with {_VALUES} or fewer")
        return {**found, **given}
    edges = np.unique(np.quantile([ranks[value] for value in given.values()], np.linspace(0, 1, parts + 1)[1:-1]))
    part = {value: int(np.searchsorted(edges, rank, "left")) for value, rank in ranks.items()}
    names = {}
    for place in set(part.values()):
        inside = sorted((value for value in distinct if part[value] == place), key=ranks.__getitem__)
        names[place] = f"{place + 1}: {inside[0]} … {inside[-1]}"
    return {**found, **{row: names[part[value]] for row, value in given.items()}}


def _ranks(values: set[str]) -> dict[str, float] | None:
    """The values as numbers or as moments, whichever all of them are; None where they are neither."""
    for read in (float, _moment):
        try:
            return {value: read(value) for value in values}
        except ValueError:
            continue
    return None


def _moment(value: str) -> float:
    return datetime.fromisoformat(value).timestamp()
