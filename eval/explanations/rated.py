"""Reads explanations that people rated, from the published set or a table of one's own."""

import ast
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any

from mentalglm.errors import UserError

# Of the set published with IMHI (Yang et al. 2023, "Towards interpretable mental health analysis"): three raters each.
LABEL = "label"
PUBLISHED_SCORES = ("fluency", "completeness", "reliability", "overall")
# Its two models' files write a post slightly differently; so many letters in, they differ no more than spaces do.
_KEY = 60
_SHORT = 12  # a longer cell may hold a post's words, which no message repeats


@dataclass(frozen=True)
class Rated:
    """One explanation and what people thought of it.

    Attributes:
        post: What it explains; the unit that is drawn in a bootstrap.
        explanation: The explanation.
        reference: Another one to hold it against; None where there is none.
        system: Who wrote it; empty where that is not said.
        label: What the post is labelled, as the table says it; None where it does not.
        scores: By aspect, a number per rater.
    """

    post: str
    explanation: str
    reference: str | None
    system: str
    label: str | None
    scores: dict[str, tuple[float, ...]]


def read_rated(
    paths: Sequence[Path],
    *,
    scores: Sequence[str] = PUBLISHED_SCORES,
    text: str = "text",
    explanation: str | None = None,
    reference: str | None = None,
    system: str | None = None,
) -> list[Rated]:
    """Explanations and their ratings from CSV, TSV or XLSX files, or from all such files of folders.

    A score is a number, or several raters' numbers as ``[3, 2, 3]``. Where ``explanation`` is not given, the files are
    taken for the published ones: their explanation stands in the one column that is nothing else, whose name is the
    model's; its words of other models on the same post become references, for rows of a model that is named first.

    Args:
        paths: Files or folders.
        scores: The columns of the scores.
        text: The column of the post.
        explanation: The column of the explanation.
        reference: The column of the reference.
        system: The column of who wrote the explanation.

    Raises:
        UserError: A file cannot be read, lacks a column, or a score is no number; or nothing is there.
    """
    files = [file for path in paths for file in _files(path)]
    found = [row for file in files for row in _read(file, scores, text, explanation, reference, system)]
    if len({row.post for row in found}) < 3:
        raise UserError(f"{paths[0]}: {len(found)} rated explanations of fewer than 3 posts; too few to correlate")
    return found if explanation is not None else _with_references(found)


def _files(path: Path) -> list[Path]:
    known = (".csv", ".tsv", ".xlsx")
    files = sorted(file for file in path.iterdir() if file.suffix in known) if path.is_dir() else [path]
    if not files or not all(file.is_file() and file.suffix in known for file in files):
        raise UserError(f"{path}: no CSV, TSV or XLSX file of rated explanations; check the path")
    return files


def _read(
    file: Path, scores: Sequence[str], text: str, explanation: str | None, reference: str | None, system: str | None
) -> Iterable[Rated]:
    import pandas as pd

    try:
        if file.suffix == ".xlsx":
            table = pd.read_excel(file, dtype=str, keep_default_na=False)
        else:
            separator = "\t" if file.suffix == ".tsv" else ","
            table = pd.read_csv(file, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except Exception as error:  # a damaged workbook raises whatever its reader raises
        raise UserError(f"{file}: cannot be read as a table ({type(error).__name__}); check the file") from None
    wanted = [text, *scores, *(name for name in (explanation, reference, system) if name)]
    if missing := [name for name in wanted if name not in table.columns]:
        raise UserError(f"{file}: no column {missing[0]!r}; its columns are {', '.join(map(str, table.columns))}")
    column = explanation or _only(file, [str(name) for name in table.columns if name not in {*wanted, LABEL}])
    for place, row in enumerate(table.to_dict("records"), start=2):
        yield Rated(
            post=row[text],
            explanation=row[column],
            reference=(row[reference] or None) if reference else None,
            system=row[system] if system else column if explanation is None else "",
            label=row.get(LABEL),
            scores={name: _numbers(row[name], f"{file}, line {place}, {name}") for name in scores},
        )


def _only(file: Path, columns: list[str]) -> str:
    if len(columns) != 1:
        raise UserError(f"{file}: which column holds the explanation? Name it with --explanation")
    return columns[0]


def _numbers(cell: str, place: str) -> tuple[float, ...]:
    try:
        value: Any = ast.literal_eval(cell.strip())
        numbers = tuple(map(float, value if isinstance(value, list | tuple) else [value]))
    except (ValueError, TypeError, SyntaxError):
        numbers = ()
    if not numbers or not all(map(isfinite, numbers)):
        shown = repr(cell) if len(cell) <= _SHORT else f"a text of {len(cell)} characters"
        raise UserError(f"{place}: {shown} is no number and no list of numbers; correct it, or name another --score")
    return numbers


def _with_references(rows: list[Rated]) -> list[Rated]:
    """Rows of every later system get the first one's explanation of the same post."""
    first = rows[0].system
    said = {_key(row.post): row.explanation for row in reversed(rows) if row.system == first}
    return [row if row.system == first else replace(row, reference=said.get(_key(row.post))) for row in rows]


def _key(post: str) -> str:
    return re.sub(r"\W+", "", post).lower()[:_KEY]
