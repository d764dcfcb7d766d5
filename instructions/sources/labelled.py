"""From a source's rows to records: one record per row and task, or a reason why there is none."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from instructions.records import Record, Span
from instructions.sources.cells import is_blank, plain
from instructions.sources.labels import LabelReader, Labels, Unlabelled
from instructions.sources.parts import Split, TaskRows
from instructions.sources.posts import Post, Unusable, post_reader
from instructions.sources.rows import Place, read_source_rows
from instructions.sources.source import Source
from instructions.sources.spans import locate
from instructions.sources.turns import read_turns
from mentalglm.answer import Answer, parse_answer
from mentalglm.errors import UserError
from mentalglm.tasks import Task, load_task

_SPLITS: dict[str, Split] = {
    "train": "train", "training": "train", "训练": "train", "训练集": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation", "验证": "validation",
    "验证集": "validation", "test": "test", "testing": "test", "测试": "test", "测试集": "test",
}  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """A row that gave no record; the reason never holds a word of it.

    Attributes:
        id: The id the record would have; without a task where the row as a whole is at fault.
        reason: What is wrong.
    """

    id: str
    reason: str


def read_records_of(source: Source, data: Path) -> Iterator[Record | Fault]:
    """Reads every row of a source of labelled posts, for every task it names.

    Args:
        source: The source.
        data: The folder that its files are relative to.

    Raises:
        UserError: A task is unknown or does not fit the source, or a file is missing or broken as a whole.
    """
    if not source.tasks:
        raise UserError(f"source {source.name!r} names no tasks, so its rows have no labels; put it under dialogue:")
    readers = [LabelReader(rows, _fitting_task(rows.task, source)) for rows in source.tasks]
    for reader in readers:
        reader.check(source.name)
    read_post = post_reader(source, [reader.task for reader in readers])
    for place, row in read_source_rows(source, data):
        row_id = f"{source.name}:{place.stem}:{place.number}"
        if isinstance(row, str):
            yield Fault(row_id, row)
            continue
        try:
            post, split = read_post(row), _split(row, place, source)
        except (Unusable, KeyError, TypeError, ValueError, AttributeError) as error:
            known = isinstance(error, Unusable)
            yield Fault(row_id, str(error) if known else f"not a row that the reader {source.reader} understands")
            continue
        for reader in readers:
            if post.task in (None, reader.task.name):
                record = _record_or_fault(post, row, row_id, split, reader, source)
                if record is not None:
                    yield record


def read_posts_of(source: Source, data: Path) -> Iterator[str]:
    """The posts of a source, whatever their labels; of dialogue, what its users say.

    Raises:
        UserError: A file is missing or broken as a whole.
    """
    if not source.tasks:
        for _, turns in read_turns(source, data):
            if not isinstance(turns, str):
                yield from (turn["content"] for turn in turns if turn["role"] == "user")
        return
    read_post = post_reader(source, [load_task(rows.task) for rows in source.tasks])
    for _, row in read_source_rows(source, data):
        if not isinstance(row, str):
            with suppress(Unusable, KeyError, TypeError, ValueError, AttributeError):
                yield read_post(row).text


def _fitting_task(name: str, source: Source) -> Task:
    task = load_task(name)
    if not source.tasks or task.input != "post":
        raise UserError(f"{source.name}: {name} is asked of a {task.input}; a source of posts cannot be read for it")
    if task.language != source.language:
        raise UserError(f"{source.name}: {name} is asked in {task.language!r}, but the source is {source.language!r}")
    if source.reader == "imhi" and "imhi" not in task.styles:
        raise UserError(f"{source.name}: {name} has no style imhi, which the reader imhi needs; use another reader")
    return task


def _split(row: Mapping[str, Any], place: Place, source: Source) -> Split:
    if source.split_column is not None:
        said = str(row.get(source.split_column)).strip().lower()
        if said not in _SPLITS:
            raise Unusable(f"the column {source.split_column!r} names no split")
        return _SPLITS[said]
    return place.split or "train" if source.splits == "file" else "train"


def _record_or_fault(
    post: Post, row: Mapping[str, Any], row_id: str, split: Split, reader: LabelReader, source: Source
) -> Record | Fault | None:
    task = reader.task
    try:
        labels, answer = _answer(post, row, reader, source)
    except Unlabelled as error:
        return Fault(f"{row_id}:{task.name}", str(error))
    if labels is None:
        return None
    explanation = _explanation(row, answer, reader.rows, source)
    return Record(
        id=f"{row_id}:{task.name}",
        group=row_id if is_blank(row.get(source.group or "")) else f"{source.name}:{row[source.group or '']}",
        source=source.name,
        license=source.licence,
        language=source.language,
        task=task.name,
        text=post.text,
        labels=labels.names,
        evidence=_evidence(post.text, row, answer, labels, reader, source),
        explanation=explanation,
        explanation_by="none" if explanation is None else _writer(reader.rows, source),
        split=split,
        annotations=labels.annotations,
        meta=_meta(row, reader.rows, source),
    )


def _answer(
    post: Post, row: Mapping[str, Any], reader: LabelReader, source: Source
) -> tuple[Labels | None, Answer | None]:
    """The labels of a row; with the whole answer where the row holds one as a text."""
    rows = reader.rows
    if post.answer is None or rows.labels or rows.ticks or rows.annotators or rows.assumed is not None:
        return reader.read(row), None
    for style in ["imhi"] if source.reader == "imhi" else reader.task.styles:
        answer = parse_answer(post.answer, reader.task, style)
        if answer is not None:
            return Labels([name for name in reader.task.label_names if name in answer.labels], []), answer
    if source.reader == "imhi":
        raise Unlabelled(f"an answer that names no label of {reader.task.name}")
    names = reader.read_value(post.answer)
    return (None if names is None else Labels(names, [])), None


def _explanation(row: Mapping[str, Any], answer: Answer | None, rows: TaskRows, source: Source) -> str | None:
    if answer is not None:
        left_out = "explanation" in rows.model_fields_set and rows.explanation is None
        return None if left_out else answer.explanation
    column = source.of_task(rows, "explanation")
    if column is None or is_blank(row.get(column)):
        return None
    return _mended(str(row[column]), source).replace("\r\n", "\n").strip()


def _writer(rows: TaskRows, source: Source) -> Any:
    return rows.explanation_by or source.explanation_by


def _evidence(
    text: str, row: Mapping[str, Any], answer: Answer | None, labels: Labels, reader: LabelReader, source: Source
) -> list[Span]:
    """The quoted words, where they stand in the post.

    In tasks of many labels each span carries one: a column of quotes tells it only where the row has a single label.
    """
    if answer is not None and answer.evidence:
        spans = [span for quote in answer.evidence for span in locate([quote.text], text, quote.label)]
        return sorted(spans, key=lambda span: (span.start, span.end))
    column, many = source.of_task(reader.rows, "evidence"), reader.task.many
    if column is None or is_blank(row.get(column)) or (many and len(labels.names) != 1):
        return []
    quotes = row[column] if isinstance(row[column], list) else [row[column]]
    return locate([_mended(str(quote), source) for quote in quotes], text, labels.names[0] if many else None)


def _mended(text: str, source: Source) -> str:
    if not source.repair_mojibake:
        return text
    from instructions.mojibake import repair

    return repair(text)


def _meta(row: Mapping[str, Any], rows: TaskRows, source: Source) -> dict[str, Any]:
    meta = {column: plain(row.get(column)) for column in source.meta}
    if source.id is not None:
        meta["id"] = plain(row.get(source.id))
    if rows.assumed is not None:
        meta["assumed"] = True
    return meta
