"""From a row's cells to the labels of one task: a label, a list of labels, columns of ticks, several annotators."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from instructions.records import Annotation
from instructions.sources.cells import BETWEEN_LABELS, NO_LABELS, tick_of, words_of
from instructions.sources.parts import TaskRows
from mentalglm.errors import UserError
from mentalglm.tasks import Task


class Unlabelled(ValueError):
    """A row whose labels cannot be told; the message never holds what stands in its cells."""


class Unsaid(Unlabelled):
    """Nobody has said anything."""


@dataclass(frozen=True)
class Labels:
    """What a row says for one task.

    Attributes:
        names: The labels, in the task's canonical order.
        annotations: What each annotator said who said anything.
    """

    names: list[str]
    annotations: list[Annotation]


@dataclass(frozen=True)
class LabelReader:
    """Reads the labels of one task from a source's rows.

    Attributes:
        rows: Where they stand.
        task: The task.
    """

    rows: TaskRows
    task: Task

    @cached_property
    def ways(self) -> dict[str, str]:
        """Every way a label may be written, in lower case, with the label."""
        ways: dict[str, str] = {}
        for style in self.task.styles:
            ways |= {self.task.surface(style, name).lower(): name for name in self.task.label_names}
        ways |= {alias.lower(): label.name for label in self.task.labels for alias in label.aliases}
        return ways | {name.lower(): name for name in self.task.label_names}

    def check(self, where: str) -> None:
        """Sees to it that every label the source names is one of the task.

        Raises:
            UserError: One is not; ``where`` is what the message calls the source.
        """
        for label in _named(self.rows):
            if label.lower() not in self.ways:
                known = ", ".join(self.task.label_names)
                raise UserError(f"{where}: tasks.{self.task.name}: {label!r} is not one of its labels, {known}")

    def read(self, cells: Mapping[str, Any]) -> Labels | None:
        """The labels of a row; None where the row is not used for this task.

        Raises:
            Unlabelled: They cannot be told.
        """
        rows = self.rows
        if rows.assumed is not None:
            return Labels(self._canonical(rows.assumed), [])
        annotations = self._annotations(cells)
        try:
            if rows.ticks:
                decided = self._ticked(cells, rows.ticks)
            elif rows.labels is None and rows.annotators:
                raise Unsaid("no label")
            else:
                decided = self.read_value(cells.get(rows.labels or "labels"))
        except Unsaid:
            decided = _agreed(annotations)
        return None if decided is None else Labels(decided, annotations)

    def read_value(self, value: Any) -> list[str] | None:
        """The labels that one cell names; None where its value means that the row is not used.

        Raises:
            Unlabelled: It is blank, or names something else than labels of the task.
        """
        words = words_of(value)
        if isinstance(words, str):
            whole = self._meaning(words)
            if whole is None and self.task.many:
                words = [part.strip() for part in BETWEEN_LABELS.split(words) if part.strip()]
                if not words:
                    raise Unsaid("no label")
            else:
                words = [words]
        found: list[str | None] = []
        for word in words:
            meaning = self._meaning(word)
            if meaning is None:
                raise Unlabelled(f"a label that {self.task.name} does not have") if word else Unsaid("no label")
            found += meaning
        return None if None in found else self._canonical([label for label in found if label is not None])

    def _annotations(self, cells: Mapping[str, Any]) -> list[Annotation]:
        said = []
        for annotator, theirs in self.rows.annotators.items():
            try:
                names = self.read_value(cells.get(theirs)) if isinstance(theirs, str) else self._ticked(cells, theirs)
            except Unsaid:
                continue
            if names is not None:
                said.append(Annotation(annotator=annotator, labels=names, evidence=[]))
        return said

    def _ticked(self, cells: Mapping[str, Any], ticks: Mapping[str, str]) -> list[str] | None:
        """The labels whose columns are ticked; a row without a tick or a 0 anywhere is a blank one."""
        try:
            marks = {column: tick_of(cells.get(column)) for column in ticks}
        except ValueError as error:
            raise Unlabelled(str(error)) from None
        if all(mark is None for mark in marks.values()):
            return self.read_value("")
        return self._canonical([ticks[column] for column, mark in marks.items() if mark])

    def _meaning(self, word: str) -> list[str | None] | None:
        """The labels that a word stands for, ``[None]`` where it means that the row is not used; None if nothing."""
        if word in self.rows.map:
            meant = self.rows.map[word]
            return [meant] if meant is None or isinstance(meant, str) else list(meant)
        if word.lower() in self.ways:
            return [word]
        return [] if self.task.many and word.lower() in NO_LABELS else None

    def _canonical(self, names: list[str]) -> list[str]:
        wanted = {self.ways[name.lower()] for name in names}
        if not self.task.many and len(wanted) != 1:
            raise Unlabelled(f"{len(wanted)} labels where {self.task.name} takes one")
        return [name for name in self.task.label_names if name in wanted]


def _named(rows: TaskRows) -> Iterator[str]:
    """Every label that a source names."""
    for meant in rows.map.values():
        yield from [meant] if isinstance(meant, str) else meant or []
    yield from rows.ticks.values()
    yield from rows.assumed or []
    for theirs in rows.annotators.values():
        yield from [] if isinstance(theirs, str) else theirs.values()


def _agreed(annotations: list[Annotation]) -> list[str]:
    if not annotations:
        raise Unsaid("no label")
    if any(annotation.labels != annotations[0].labels for annotation in annotations):
        raise Unlabelled("annotators disagree")
    return annotations[0].labels
