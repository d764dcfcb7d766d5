"""Which column is what: post, row id, author, split, explanation, evidence; guessed from names and cells."""

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import mean

from instructions.workbook.sheets import Sheet
from instructions.workbook.words import (
    EVIDENCE,
    EXPLANATION,
    FINAL,
    GROUP,
    ID,
    LABEL,
    PERSON,
    SPLIT,
    SPLITS,
    TEXT,
    plain,
)

_SHORTEST_POSTS = 6  # characters on average, where no name says that a column holds posts


@dataclass(frozen=True)
class Columns:
    """The columns of sheets that share their layout, with their cells."""

    sheets: list[Sheet]
    cells: dict[str, list[str]] = field(repr=False)

    def filled(self, name: str) -> list[str]:
        """The cells of a column that are not blank."""
        return [cell for cell in self.cells[name] if cell]


@dataclass(frozen=True)
class Roles:
    """What single columns are for, and why.

    Attributes:
        named: Role (``text``, ``id``, ``group``, ``split``, ``explanation``, ``evidence``) -> column.
        why: Role -> the reason, in words.
        rest: Columns without such a role, in their order.
    """

    named: dict[str, str]
    why: dict[str, str]
    rest: list[str]


def columns_of(sheets: list[Sheet]) -> Columns:
    """Puts the rows of sheets with equal columns together."""
    names = sheets[0].columns
    return Columns(
        sheets, {name: [row.cells.get(name, "") for sheet in sheets for row in sheet.rows] for name in names}
    )


def guess_roles(columns: Columns) -> Roles | None:
    """The roles of ``columns``; None where none of them holds posts."""
    left = [name for name in columns.cells if columns.filled(name)]
    named: dict[str, str] = {}
    why: dict[str, str] = {}

    def take(role: str, reason: str, fits: Callable[[str], bool]) -> None:
        found = [name for name in left if fits(name)]
        if found:
            # Of several explanations the adjudicated one counts.
            named[role] = next((name for name in found if FINAL.search(name)), found[0])
            why[role] = reason
            left.remove(named[role])

    def length(name: str) -> float:
        return mean(map(len, columns.filled(name)))

    def distinct(name: str) -> float:
        return len(set(columns.filled(name))) / len(columns.filled(name))

    take("text", "its name", lambda name: bool(TEXT.search(name)) and length(name) >= 2)
    take("explanation", "its name and length", lambda name: bool(EXPLANATION.search(name)) and length(name) >= 8)
    take("evidence", "its name", lambda name: bool(EVIDENCE.search(name)) and length(name) >= 2)
    if "text" not in named:
        worded = [n for n in left if not (LABEL.search(n) or PERSON.search(n)) and length(n) >= _SHORTEST_POSTS]
        longest = max(worded, key=lambda name: length(name) * distinct(name), default=None)
        if longest is None or distinct(longest) < 0.5:
            return None
        named["text"], why["text"] = (
            longest,
            f"TODO check: no name says so, but its cells are the longest ({length(longest):.0f} characters)",
        )
        left.remove(longest)
    take(
        "split",
        "its values",
        lambda name: bool(SPLIT.search(name)) and {plain(c) for c in columns.filled(name)} <= set(SPLITS),
    )
    take(
        "group",
        "its name; its rows are not divided between splits",
        lambda n: bool(GROUP.search(n)) and not PERSON.search(n),
    )
    take("id", "its name; no value stands twice", lambda name: bool(ID.search(plain(name))) and distinct(name) == 1)
    return Roles(named, why, left)
