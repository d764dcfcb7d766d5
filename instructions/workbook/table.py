"""A workbook's labels as one plain table for the build: of a layout it cannot read, or with the decisions in it."""

from pathlib import Path
from typing import Any

from instructions.sources.source import Source
from instructions.workbook.answers import Item, TaskAnswers
from mentalglm.worksheet import write_rows

PLACE = "workbook place"
_NONE, _UNUSED = "无", "(not used)"


def write_table(path: Path, source: Source, tasks: list[TaskAnswers]) -> dict[str, Any]:
    """Writes the table.

    Returns:
        The source that describes it, in the form of its YAML.
    """
    from openpyxl import Workbook

    kept = [source.text, source.split_column, source.group, source.id, *source.meta]
    for rows in source.tasks:
        kept += [source.of_task(rows, "explanation"), source.of_task(rows, "evidence")]
    columns = list(dict.fromkeys(name for name in kept if name is not None))
    header = [PLACE, *columns]
    described = []
    for rows in source.tasks:
        answers = next((answers for answers in tasks if answers.rows is rows), None)
        entry = rows.model_dump(exclude_unset=True, exclude={"labels", "ticks", "annotators", "map"})
        if answers is not None:
            entry |= _described(answers, header)
        described.append(entry)
    lines = [
        [items[0].key, *(items[0].cells.get(name, "") for name in columns), *_labels(tasks, items)]
        for items in zip(*(answers.items for answers in tasks), strict=True)
    ]
    book = Workbook()
    book.active.title = "posts"
    write_rows(book.active, header, lines, [16, *(64 if name == source.text else 20 for name in header[1:])])
    book.save(path)
    data = source.model_dump(exclude_unset=True, exclude={"tasks", "files"})
    return {**data, "files": [{"path": path.name}], "tasks": described}


def _described(answers: TaskAnswers, header: list[str]) -> dict[str, Any]:
    """Adds the task's columns to ``header`` and says how they are read."""
    names = {person: f"{answers.task.name}: {person}" for person in answers.annotators}
    decision = f"{answers.task.name}: decision"
    header += [*names.values(), decision]
    entry: dict[str, Any] = {"labels": decision}
    if names:
        entry["annotators"] = names
    if any(item.unused for item in answers.items):
        entry["map"] = {_UNUSED: None}
    return entry


def _labels(tasks: list[TaskAnswers], items: tuple[Item, ...]) -> list[str]:
    cells = []
    for answers, item in zip(tasks, items, strict=True):
        cells += [_joined(item.by.get(person)) for person in answers.annotators]
        cells.append(_UNUSED if item.unused else _joined(item.final))
    return cells


def _joined(labels: list[str] | None) -> str:
    return "" if labels is None else "、".join(labels) or _NONE
