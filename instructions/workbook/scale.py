"""The labels that answers are read against, and how a lab's spelling of one is recognised."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from instructions.workbook.words import NONE, plain
from mentalglm.tasks import Task

Kind = Literal["single", "ordinal", "multi"]
_ALSO_SEPARATES = re.compile(r"[/+&＋／\s]+|和|及|与")


@dataclass(frozen=True)
class Scale:
    """The labels of one task.

    Attributes:
        task: The task's name.
        kind: One label, one of an ordered scale, or any number of labels.
        labels: The labels, in their canonical order.
        spellings: Every known spelling, as ``words.plain`` gives it, with its label.
    """

    task: str
    kind: Kind
    labels: tuple[str, ...]
    spellings: dict[str, str] = field(repr=False)

    def exact(self, value: str) -> str | None:
        """The label that ``value`` is a known spelling of."""
        return self.spellings.get(plain(value))

    def guess(self, value: str) -> list[str] | None:
        """What ``value`` most likely stands for: labels, none (``[]``), or None where that cannot be said."""
        word = plain(value)
        if word in self.spellings:
            return [self.spellings[word]]
        if self.kind == "multi" and word in NONE:
            return []
        digits = re.sub(r"\D", "", word)
        if digits and digits in self.spellings and len(word) <= len(digits) + 3:
            return [self.spellings[digits]]
        near = {label for label in self.labels if _within(word, plain(label)) or _within(plain(label), word)}
        if len(near) == 1:
            return list(near)
        pieces = [piece for piece in _ALSO_SEPARATES.split(value) if piece]
        found = [self.spellings.get(plain(piece)) for piece in pieces]
        if self.kind == "multi" and len(pieces) > 1 and all(found):
            return self.ordered(label for label in found if label)
        return None

    def ordered(self, labels: Iterable[str]) -> list[str]:
        """``labels`` in the task's order."""
        wanted = set(labels)
        return [label for label in self.labels if label in wanted]


def scale_of(task: Task) -> Scale:
    """The scale of a known task: names, aliases, what people read, and what models write are all spellings."""
    spellings: dict[str, str] = {}
    for label in task.labels:
        shown = [label.display.zh, label.display.en] if label.display else []
        for spelling in [
            *label.aliases,
            *shown,
            *(style.surface.get(label.name, "") for style in task.styles.values()),
        ]:
            spellings.setdefault(plain(spelling), label.name)
    spellings |= {plain(name): name for name in task.label_names}
    spellings.pop("", None)
    return Scale(task.name, "multi" if task.many else _kind(task), tuple(task.label_names), spellings)


def new_scale(task: str, kind: Kind, labels: Iterable[str]) -> Scale:
    """The scale of a task that nobody has described yet."""
    names = tuple(labels)
    return Scale(task, kind, names, {plain(name): name for name in names})


def _kind(task: Task) -> Kind:
    return "ordinal" if task.kind == "ordinal" else "single"


def _within(short: str, long: str) -> bool:
    """Whether the characters of ``short`` stand in ``long`` in their order (高风险 in 高自杀风险)."""
    rest = iter(long)
    return bool(short) and not short.isdigit() and not long.isdigit() and all(character in rest for character in short)
