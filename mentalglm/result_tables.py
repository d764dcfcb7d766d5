"""Results as rows of a table: the input's own columns in front, one row per post and task."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mentalglm.analysis import Analysis, RowError
from mentalglm.tasks import load_task

_HEAD = [
    "row", "task", "text", "labels", "display", "probability", "evidence", "explanation", "crisis", "conflicts",
    "abstained", "candidates", "parsed", "error",
]  # fmt: skip
_FAITHFULNESS = ["comprehensiveness", "sufficiency", "agrees"]
_SURROGATE = re.compile("[\ud800-\udfff]")
_MEASURED = re.compile(r"-\d\.\d{3}")  # what faithfulness may be: a number below nought, no formula
_LONG_NUMBER = re.compile(r"0\d+|\d{12,}")  # Excel drops leading zeros, and all digits behind the fifteenth


@dataclass(frozen=True)
class Layout:
    """What a file of results looks like.

    Attributes:
        lang: Language of what people read.
        columns: The input's columns; none for lines of text.
        post: The one of them that holds the post.
        at_start: Whether the file begins here; false where an earlier run began it.
        faithfulness: Whether faithfulness was asked for and has columns.
    """

    lang: str
    columns: tuple[str, ...] = ()
    post: str | None = None
    at_start: bool = True
    faithfulness: bool = False


def table_head(columns: Sequence[str], post: str | None, faithfulness: bool = False) -> list[str]:
    """The names of a result table's columns.

    Args:
        columns: The input's columns, which come first, as they are.
        post: The one of them that holds the post, which is then not repeated.
        faithfulness: Whether it has columns, which come last.

    Returns:
        The input's columns, then those of the result; a name that the input has already begins with ``mentalglm_``.
    """
    own = [name for name in _HEAD if name != "text" or post is None] + _FAITHFULNESS * faithfulness
    taken, head = set(columns), [sound_text(name) for name in columns]
    for name in own:
        while name in taken:
            name = "mentalglm_" + name
        head.append(name)
    return head


def table_rows(
    row: int | None, results: Sequence[Analysis | RowError], cells: Sequence[str], layout: Layout
) -> list[list[str]]:
    """The results of one post, as cells under :func:`table_head`.

    Args:
        row: The data row; None for a single post.
        results: What was found, by task.
        cells: The input's cells; none for a row that could not be read.
        layout: Of the file.
    """
    blank = [""] * (len(layout.columns) - len(cells))
    front = [*map(sound_text, cells), *blank, "" if row is None else str(row)]
    return [
        [*front, result.task, *_cells_of(result, layout.lang, layout.post is None)]
        + _faithfulness_of(result) * layout.faithfulness
        for result in results
    ]


def _faithfulness_of(result: Analysis | RowError) -> list[str]:
    found = result.faithfulness if isinstance(result, Analysis) else None
    if found is None:
        return [""] * len(_FAITHFULNESS)
    drops = ["" if drop is None else f"{drop:.3f}" for drop in (found.comprehensiveness, found.sufficiency)]
    return [*drops, "" if found.agrees is None else str(found.agrees).lower()]


def _cells_of(result: Analysis | RowError, lang: str, repeats_post: bool) -> list[str]:
    if isinstance(result, RowError):
        return [*[""] * (len(_HEAD) - 3 - (not repeats_post)), result.error.message]
    chosen = [result.probabilities[label] for label in result.labels]
    return [
        *([result.text] if repeats_post else []),
        "、".join(result.labels),
        "；".join(display_of(result.task, label, lang) for label in result.labels),
        "、".join("" if p is None else f"{p:.3f}" for p in chosen),
        "；".join((f"{span.label}：" if span.label else "") + span.text for span in result.evidence),
        result.explanation or "",
        result.crisis or "",
        "；".join(result.conflicts),
        str(result.abstained).lower(),
        "、".join(result.candidates),
        str(result.parsed).lower(),
        "",
    ]


def display_of(task: str, label: str, lang: str) -> str:
    """What people read for a label: its ``display`` where it has one, else its name."""
    display = load_task(task).label(label).display
    return str(getattr(display, lang)) if display else label


def neutral_cell(text: str) -> str:
    """A cell of a CSV file that no spreadsheet program takes for a formula, nor a long id for a number.

    Such a cell begins with an apostrophe, which is what one types into a spreadsheet to mean text.
    """
    # Excel with an East Asian input method may read the full-width signs as the plain ones.
    if _MEASURED.fullmatch(text):
        return text
    if text.startswith(tuple("=+-@＝＋－＠\t\r\n")) or _LONG_NUMBER.fullmatch(text):
        return "'" + text
    return text


def sound_text(text: str) -> str:
    """``text`` with half surrogate pairs, which no file can hold, shown as U+FFFD."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)
