"""From a labelled file to the samples of one task: gold labels checked, the split chosen, bad rows counted."""

import hashlib
import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from mentalglm.errors import UserError
from mentalglm.models import add_tasks_of
from mentalglm.readers import BadRow, LabelledRow, read_labelled
from mentalglm.tasks import Task, add_task_of, load_task

LIMIT_SEED = 0


@dataclass(frozen=True)
class Data:
    """The rows of one evaluation.

    Attributes:
        task: The task asked.
        path: The file.
        sha256: The file's hash.
        split: The split evaluated; None where the rows carry none.
        limit: The cap on the rows, if one was set.
        columns: The names of the text and label columns, where set.
        samples: The rows to evaluate, gold labels in the task's canonical names and order.
        train: The rows of the split ``train``, from which the baselines learn.
        bad: Rows that could not be read.
        notices: What the user should be told.
    """

    task: Task
    path: Path
    sha256: str
    split: str | None
    limit: int | None
    columns: tuple[str | None, str | None]
    samples: list[LabelledRow]
    train: list[LabelledRow]
    bad: list[BadRow]
    notices: list[str]


def load_data(
    path: Path,
    task_name: str,
    *,
    split: str | None = None,
    limit: int | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    model: str | None = None,
) -> Data:
    """Reads, checks and selects the rows of ``path`` for a task.

    A task that does not come with the package is read from ``tasks/TASK.yaml`` beside the data or the model.

    Args:
        path: The file, or a folder that holds ``TASK.jsonl``.
        task_name: The task.
        split: Evaluate these rows, or ``all``; by default ``test`` where rows carry a split, else all.
        limit: At most so many rows, drawn with a fixed seed: a file's head is rarely a fair sample.
        text_column: See :func:`mentalglm.readers.read_labelled`.
        label_column: See :func:`mentalglm.readers.read_labelled`.
        model: The model that will be asked.

    Raises:
        UserError: Unknown task, unreadable file, a gold label that the task does not know, an id that stands twice,
            or nothing left to evaluate.
    """
    add_tasks_of(None if model is None else Path(model))
    add_task_of(path if path.is_dir() else path.parent, task_name)
    task = load_task(task_name)
    path = path / f"{task_name}.jsonl" if path.is_dir() else path
    rows: list[LabelledRow] = []
    bad: list[BadRow] = []
    others = 0
    for row in read_labelled(path, text_column, label_column):
        if isinstance(row, LabelledRow) and not row.text.strip():
            row = BadRow(row.row, "empty_text", "the post is empty")
        if isinstance(row, BadRow):
            bad.append(row)
        elif row.task not in (None, task.name):
            others += 1
        else:
            rows.append(replace(row, labels=_canonical(row, task, path)))
    _no_id_twice(rows, path)

    notices = [f"row {item.row}: {item.message}; left out" for item in bad[:5]]
    notices += [f"… and {len(bad) - 5} more rows left out"] if len(bad) > 5 else []
    notices += [f"{others} rows of other tasks left out"] if others else []
    samples, chosen = _of_split(rows, split, path)
    if chosen and chosen != "all":
        notices.append(f"split {chosen}: {len(samples)} of {len(rows)} rows (--split all takes every one)")
    if limit is not None and limit < len(samples):
        kept = sorted(random.Random(LIMIT_SEED).sample(range(len(samples)), limit))
        samples = [samples[index] for index in kept]
    if not samples:
        raise UserError(f"{path}: no row to evaluate for {task.name}; check the file and --split")
    train = [row for row in rows if row.split == "train"]
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Data(task, path, digest, chosen, limit, (text_column, label_column), samples, train, bad, notices)


def _canonical(row: LabelledRow, task: Task, path: Path) -> tuple[str, ...]:
    """Gold labels by their canonical names: a label that is not known is refused, never dropped."""
    names = {name: label.name for label in task.labels for name in (label.name, *label.aliases)}
    for label in row.labels:
        if label not in names:
            shown = repr(label) if len(label) <= 12 else f"of {len(label)} characters"  # it may be a post's text
            raise UserError(
                f"{path}, row {row.row}: the label {shown} is none of {task.name}: {', '.join(task.label_names)}"
            )
    found = {names[label] for label in row.labels}
    if not task.many and len(found) != 1:
        raise UserError(f"{path}, row {row.row}: {len(found)} labels; {task.name} takes exactly one")
    return tuple(name for name in task.label_names if name in found)


def _no_id_twice(rows: Iterable[LabelledRow], path: Path) -> None:
    seen: dict[str, int] = {}
    for row in rows:
        if row.id in seen:
            raise UserError(f"{path}: rows {seen[row.id]} and {row.row} share an id; make ids unique, or drop them")
        seen[row.id] = row.row


def _of_split(rows: list[LabelledRow], split: str | None, path: Path) -> tuple[list[LabelledRow], str | None]:
    splits = sorted({row.split for row in rows if row.split})
    if split == "all" or (split is None and not splits):
        return rows, split
    chosen = split or "test"
    if chosen not in splits:
        there = ", ".join(splits) or "the rows carry none"
        raise UserError(f"{path}: no row of split {chosen!r} (splits: {there}); name one with --split, or all")
    return [row for row in rows if row.split == chosen], chosen
