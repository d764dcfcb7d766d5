"""Who gave which labels to which post: read from a workbook's sheets by the source that describes them."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from instructions.sources.labels import LabelReader, Labels, Unlabelled, Unsaid
from instructions.sources.source import Source, TaskRows
from instructions.workbook.sheets import Sheet, read_sheets, sheet_names
from mentalglm.errors import UserError
from mentalglm.tasks import Task, load_task


@dataclass
class Item:
    """One post with everybody's labels for one task.

    Attributes:
        key: Where it stands, such as ``Sheet1!12``.
        text: The post.
        cells: Its whole row.
        by: Annotator -> labels in the task's order; annotators who said nothing are absent.
        final: What was decided; None where nothing was.
        unused: Whether the row is not used for this task.
    """

    key: str
    text: str = field(repr=False)
    cells: dict[str, str] = field(repr=False)
    by: dict[str, list[str]]
    final: list[str] | None
    unused: bool = False

    @property
    def disputed(self) -> bool:
        """Whether annotators disagree and nobody has decided."""
        given = list(self.by.values())
        return self.final is None and not self.unused and any(labels != given[0] for labels in given)


@dataclass
class TaskAnswers:
    """What everybody said about one task.

    Attributes:
        task: The task.
        rows: How the source reads it.
        items: The posts.
        unread: Why cells could not be read -> how many.
    """

    task: Task
    rows: TaskRows
    items: list[Item]
    unread: Counter[str]

    @property
    def annotators(self) -> list[str]:
        """Everybody's name, in the source's order."""
        return list(self.rows.annotators)

    def reader(self, column: str | dict[str, str]) -> LabelReader:
        """Reads the task's labels from one column, or from columns of ticks."""
        return _reader(self.task, self.rows, column)


def described_sheets(source: Source, path: Path) -> list[Sheet]:
    """The sheets of the workbook ``path`` that ``source`` names.

    Raises:
        UserError: It names none of that file, or one that is not there, or one without the column of posts.
    """
    header_rows: dict[str, int] = {}
    for file in source.files:
        if Path(file.path).name == path.name:
            header_rows |= dict.fromkeys(file.sheets or sheet_names(path)[:1], file.header_row)
    if not header_rows:
        named = ", ".join(file.path for file in source.files)
        raise UserError(f"the mapping describes {named or 'no file'}, not {path.name}; name {path.name} under files")
    sheets, _ = read_sheets(path, header_rows)
    for sheet in sheets:
        if source.text not in sheet.columns:
            raise UserError(
                f"{path}, sheet {sheet.name!r}: no column {source.text!r} in row {sheet.header_row}; "
                f"columns found: {', '.join(sheet.columns)}"
            )
    return sheets


def read_answers(source: Source, sheets: list[Sheet]) -> list[TaskAnswers]:
    """Reads the labels of every task of ``source`` that people gave.

    Raises:
        UserError: A task is not known.
    """
    return [_task_answers(source, rows, sheets) for rows in source.tasks if rows.assumed is None]


def _task_answers(source: Source, rows: TaskRows, sheets: list[Sheet]) -> TaskAnswers:
    task = load_task(rows.task)
    readers = {person: _reader(task, rows, theirs) for person, theirs in rows.annotators.items()}
    decided = rows.labels or rows.ticks or None
    deciding = None if decided is None else _reader(task, rows, decided)
    found = TaskAnswers(task, rows, [], Counter())
    for sheet in sheets:
        for row in sheet.rows:
            text = row.cells.get(source.text, "")
            if not text:
                continue
            item = Item(f"{sheet.name}!{row.number}", text, row.cells, {}, None)
            for person, reader in readers.items():
                labels = _read(reader, item, f"{person}: ", found.unread)
                if labels:
                    item.by[person] = labels.names
            if deciding is not None:
                decision = _read(deciding, item, "", found.unread)
                item.unused = decision is False
                item.final = decision.names if decision else None
            found.items.append(item)
    return found


def _reader(task: Task, rows: TaskRows, column: str | dict[str, str]) -> LabelReader:
    known = {value: meant for value, meant in rows.map.items() if not _is_todo(meant)}
    where = {"labels": column} if isinstance(column, str) else {"ticks": column}
    reader = LabelReader(TaskRows.model_validate({"task": task.name, "map": known, **where}), task)
    reader.check("the mapping")
    return reader


def _read(reader: LabelReader, item: Item, who: str, unread: Counter[str]) -> Labels | Literal[False] | None:
    """The labels; None where nothing is said or it cannot be read, False where the row is not to be used."""
    try:
        return reader.read(item.cells) or False
    except Unsaid:
        return None
    except Unlabelled as error:
        unread[f"{who}{error}"] += 1
        return None


def _is_todo(meant: str | list[str] | None) -> bool:
    return any(label.startswith("TODO") for label in ([meant] if isinstance(meant, str) else meant or []))
