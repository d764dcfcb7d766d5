"""Who wrote a column of labels: takes the annotator's name out of the column's name."""

import re
from collections.abc import Sequence

from instructions.workbook.scale import Scale
from instructions.workbook.words import LABEL, NONE, PERSON, plain

# What stands between the parts of a column's name.
BREAKS = re.compile(r"[\s_\-–—:：/·.（）()\[\]【】|]+")
_EDGES = " _-–—:：/·.（）()[]【】|的之"
_FILLER = re.compile(r"结果|意见|评级|评分|风险|等级|级别|\b(?:by|of|result|label|labels)\b", re.IGNORECASE)


def annotators(columns: Sequence[str], about: Sequence[str]) -> dict[str, str]:
    """Column -> annotator, all names different.

    Args:
        columns: The names of columns that hold one task's labels, one per annotator.
        about: What else the names may hold, such as the task's title.
    """
    names = {column: _person(column, about) for column in columns}
    if len(set(names.values())) < len(names) or not all(names.values()):
        return {column: column for column in columns}
    return names


def label_and_person(column: str, scale: Scale) -> tuple[str | None, str]:
    """The label that a tick column is for, and whose it is ("" where nobody is named).

    The label is None where the name holds none of the task's; it is "" for a column that says that none applies.
    """
    pieces = [piece for piece in BREAKS.split(column) if piece]
    readings = [[scale.exact(piece) for piece in pieces], [_likely(piece, scale) for piece in pieces]]
    for labels in readings:
        for number, label in enumerate(labels):
            if label is not None:
                return label, _person(" ".join(pieces[:number] + pieces[number + 1 :]), ())
    inside = [label for label in scale.labels if plain(label) in plain(column)]
    if inside:
        label = max(inside, key=len)
        return label, _person(plain(column).replace(plain(label), " "), ())
    return None, ""


def _likely(piece: str, scale: Scale) -> str | None:
    """The label that a piece of a column's name stands for; "" for one that says none."""
    if plain(piece) in NONE:
        return ""
    found = scale.guess(piece) if len(piece) > 1 else None
    return found[0] if found and len(found) == 1 else None


def _person(column: str, about: Sequence[str]) -> str:
    rest = column
    for word in sorted(about, key=len, reverse=True):
        rest = re.sub(re.escape(word), " ", rest, flags=re.IGNORECASE)
    role = PERSON.search(rest)
    rest = LABEL.sub(" ", PERSON.sub(" ", _FILLER.sub(" ", rest)))
    name = " ".join(piece.strip(_EDGES) for piece in BREAKS.split(rest) if piece.strip(_EDGES))
    if re.fullmatch(r"\d+|[A-Za-z]", name) and role:  # 标注员1, rater A: a bare number is no name
        gap = " " if role.group().isascii() and not name.isdigit() else ""
        return f"{role.group()}{gap}{name}"
    return name
