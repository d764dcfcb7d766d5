"""From labelled files to the samples of one task: gold labels checked, the split chosen, bad rows counted."""

import hashlib
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from eval.same_post import post_key
from eval.suite import Entry, Settings, Split
from mentalglm.errors import UserError
from mentalglm.models import add_tasks_of
from mentalglm.published import Format, read_published, sniff
from mentalglm.readers import BadRow, LabelledRow, read_labelled
from mentalglm.tasks import Task, add_task_of, load_task, task_names

SEED = 0
HELD_OUT = "held_out"


@dataclass(frozen=True)
class Data:
    """The rows of one evaluation.

    Attributes:
        task: The task asked.
        path: The file that holds the samples.
        sha256: The file's hash.
        split: The split evaluated; None where the rows carry none.
        limit: The cap on the rows, if one was set.
        columns: The names of the text and label columns, where set.
        samples: The rows to evaluate, gold labels in the task's canonical names and order.
        train: The rows of the split ``train``, from which baselines learn and examples are drawn.
        bad: Rows that could not be read.
        notices: What the user should be told.
        source: The data set's name, where a suite says it.
        train_path: The file that holds the training rows, where that is another one.
        held_out: The share of the training posts that were held out, where the split is ``held_out``.
        seed: Drew the rows of a limit and the held-out posts.
        validation: The rows of the split ``validation``, by which a baseline chooses its settings; none where they are
            the ones evaluated.
        split_by: How the file was divided anew, if it was; see :func:`eval.split_by.divide`.
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
    source: str | None = None
    train_path: Path | None = None
    held_out: float | None = None
    seed: int = SEED
    validation: list[LabelledRow] = field(default_factory=list)
    split_by: dict[str, Any] | None = None


def load_data(
    path: Path,
    task_name: str,
    *,
    split: str | None = None,
    limit: int | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    model: str | None = None,
    seed: int = SEED,
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
        seed: Draws the rows of a limit.

    Raises:
        UserError: Unknown task, unreadable file, a gold label that the task does not know, an id that stands twice,
            or nothing left to evaluate.
    """
    add_tasks_of(None if model is None else Path(model))
    add_task_of(path if path.is_dir() else path.parent, task_name)
    task = load_task(task_name)
    path = path / f"{task_name}.jsonl" if path.is_dir() else path
    named = text_column is not None or label_column is not None
    format = None if named or not path.is_file() else sniff(path)
    rows, bad, notices = _read(path, task, format, (text_column, label_column))
    samples, chosen = _of_split(rows, split, path)
    if chosen and chosen != "all":
        notices.append(f"split {chosen}: {len(samples)} of {len(rows)} rows (--split all takes every one)")
    train = [row for row in rows if row.split == "train"]
    validation = [row for row in rows if row.split == "validation"] if chosen not in ("validation", "all") else []
    columns = (text_column, label_column)
    samples = limited(samples, limit, seed)
    data = Data(task, path, file_hash(path), chosen, limit, columns, samples, train, bad, notices, seed=seed)
    return _data(replace(data, validation=validation))


def load_entry(entry: Entry, folder: Path, settings: Settings, split: str | None = None) -> Data | None:
    """Reads, checks and selects the rows of a suite's entry.

    Args:
        entry: What to read.
        folder: Where its files lie.
        settings: Limit and seed.
        split: Evaluate this split and no other.

    Returns:
        None where none of the files that could be evaluated is there.

    Raises:
        UserError: As :func:`load_data`.
    """
    task = load_task(entry.task)
    if "all" in entry.files:
        path = find_file(entry, "all", folder)
        if path is None:
            return None
        data = load_data(path, task.name, split=split, limit=settings.limit, seed=settings.seed)
        return replace(data, source=entry.source)
    if split not in (None, *get_args(Split)):
        raise UserError(f"split {split!r} is none of {entry.source}; it has {', '.join(get_args(Split))}")
    wanted: Sequence[str] = [split] if split is not None else entry.split
    there = {name: path for name in ("train", "validation", "test") if (path := find_file(entry, name, folder))}
    chosen = next((name for name in wanted if ("train" if name == HELD_OUT else name) in there), None)
    if chosen is None:
        return None
    format = None if entry.format == "records" else entry.format
    train: list[LabelledRow] = []
    if "train" in there:
        train, bad, notices = _read(there["train"], task, format)
    if chosen == HELD_OUT:
        train, samples = hold_out(train, entry.held_out, settings.seed)
        notices.append(f"its test posts are not there: {len(samples)} of the training posts are held out instead")
    elif chosen == "train":
        samples = train
    else:
        samples, bad, notices = _read(there[chosen], task, format)
    if chosen != entry.split[0] and chosen != HELD_OUT:
        notices.append(f"split {chosen}, for the file of split {entry.split[0]} is not there")
    path = there["train" if chosen == HELD_OUT else chosen]
    digest, samples = file_hash(path), limited(samples, settings.limit, settings.seed)
    data = Data(task, path, digest, chosen, settings.limit, (None, None), samples, train, bad, notices, entry.source)
    held_out = entry.held_out if chosen == HELD_OUT else None
    tuned = chosen != "validation" and "validation" in there
    data = replace(data, validation=_read(there["validation"], task, format)[0] if tuned else [])
    return _data(replace(data, train_path=there.get("train"), held_out=held_out, seed=settings.seed))


def find_file(entry: Entry, split: str, folder: Path) -> Path | None:
    """The first of an entry's files of a split that is there."""
    places = [folder / name for name in dict(entry.files).get(split, [])]  # type: ignore[call-overload]
    return next((path for path in places if path.is_file()), None)


def hold_out(rows: list[LabelledRow], share: float, seed: int) -> tuple[list[LabelledRow], list[LabelledRow]]:
    """Divides training rows by their posts: the same post is never on both sides, whatever the file's order.

    Returns:
        The rows that stay, and those held out.
    """

    def place(row: LabelledRow) -> float:
        digest = hashlib.sha256(f"{seed}\n{post_key(row.text)}".encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2**64

    out = [place(row) < share for row in rows]
    pairs = list(zip(rows, out, strict=True))
    return [row for row, held in pairs if not held], [row for row, held in pairs if held]


def file_hash(path: Path) -> str:
    """sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _rows(path: Path, task: Task, format: Format | None, columns: tuple[str | None, str | None]) -> Iterator[object]:
    if format is None:
        return read_labelled(path, *columns)
    asked = [load_task(name) for name in task_names()] if format == "imhi" else []
    return read_published(path, format, task, asked)


def _read(
    path: Path, task: Task, format: Format | None, columns: tuple[str | None, str | None] = (None, None)
) -> tuple[list[LabelledRow], list[BadRow], list[str]]:
    rows: list[LabelledRow] = []
    bad: list[BadRow] = []
    others = 0
    for row in _rows(path, task, format, columns):
        if isinstance(row, LabelledRow) and not row.text.strip():
            row = BadRow(row.row, "empty_text", "the post is empty")
        if isinstance(row, BadRow):
            bad.append(row)
        elif isinstance(row, LabelledRow):
            if row.task not in (None, task.name):
                others += 1
            else:
                rows.append(replace(row, labels=_canonical(row, task, path)))
    _no_id_twice(rows, path)
    notices = [f"row {item.row}: {item.message}; left out" for item in bad[:5]]
    notices += [f"… and {len(bad) - 5} more rows left out"] if len(bad) > 5 else []
    notices += [f"{others} rows of other tasks left out"] if others else []
    return rows, bad, notices


def _data(data: Data) -> Data:
    if not data.samples:
        raise UserError(f"{data.path}: no row to evaluate for {data.task.name}; check the file and --split")
    return data


def limited(samples: list[LabelledRow], limit: int | None, seed: int) -> list[LabelledRow]:
    """At most so many of the rows, drawn by seed, in the file's order."""
    if limit is None or limit >= len(samples):
        return samples
    return [samples[index] for index in sorted(random.Random(seed).sample(range(len(samples)), limit))]


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
