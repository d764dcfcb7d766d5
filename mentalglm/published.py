"""Reads labelled posts in the formats their owners publish them in: SOS-HL-1K, SocialCD-3K, CP and IMHI.

A row that cannot be read is handed on as such and never stops the file; no message holds a row's text.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from mentalglm.answer import parse_answer
from mentalglm.encodings import DAMAGE, file_lines
from mentalglm.errors import UserError
from mentalglm.readers import LabelledRow, read_objects
from mentalglm.tables import BadRow, read_table
from mentalglm.tasks import Task

Format = Literal["messages", "ticks", "hierarchy", "imhi"]
POST, QUERY, ANSWER = "内容", "query", "gpt-3.5-turbo"
_TICKS = {"1": True, "1.0": True, "0": False, "0.0": False}


def read_published(
    path: Path, format: Format, task: Task, tasks: Sequence[Task] = ()
) -> Iterator[LabelledRow | BadRow]:
    """Reads one file.

    Args:
        path: The file.
        format: ``messages`` (SOS-HL-1K: JSONL of chats, the user's turn is the post and the assistant's its label),
            ``ticks`` (SocialCD-3K: a column of 0 and 1 per label, the post under 内容), ``hierarchy`` (CP: lines of
            ``post<TAB>parent,parent##child``) or ``imhi`` (IMHI: ``query``, which holds question and post, and the
            answer).
        task: The task the labels are for.
        tasks: For ``imhi``, whose files mix several questions: the tasks they may ask, ``task`` among them.

    Yields:
        Every row in the file's order; of ``imhi``, rows that ask another task carry its name.

    Raises:
        UserError: The file is missing, unreadable or not of that format as a whole.
    """
    if not path.is_file():
        raise UserError(f"{path} not found; check the path", code="missing_file")
    if format == "messages":
        rows = _messages(path)
    elif format == "ticks":
        rows = _ticks(path, task)
    elif format == "hierarchy":
        rows = _hierarchy(path)
    else:
        rows = _imhi(path, tasks or (task,))
    empty = True
    for row in rows:
        empty = False
        yield row
    if empty:
        raise UserError(f"{path} holds no rows; check that it is the one you meant")


def _row(path: Path, number: int, text: Any, labels: Sequence[str], **more: Any) -> LabelledRow | BadRow:
    if not isinstance(text, str) or not text.strip():
        return BadRow(number, "empty_text", "the post is empty")
    if DAMAGE in text or any("\ud800" <= character <= "\udfff" for character in text):
        return BadRow(number, "invalid_text", "the post holds bytes that are no text")
    name = f"{path.stem}:{number}"
    return LabelledRow(row=number, id=name, text=text.strip(), labels=tuple(labels), group=name, **more)


def _messages(path: Path) -> Iterator[LabelledRow | BadRow]:
    for number, item in read_objects(file_lines(path)):
        if isinstance(item, BadRow):
            yield item
            continue
        said = _said(item.get("messages"))
        label = said.get("assistant")
        if not isinstance(label, str) or not label.strip():
            yield BadRow(number, "bad_row", "no 'messages' with an assistant's turn, which is the label")
        else:
            yield _row(path, number, said.get("user"), [label.strip()])


def _said(turns: Any) -> dict[Any, Any]:
    """By role, the last turn's words; empty where these are no turns."""
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        return {}
    return {turn.get("role"): turn.get("content") for turn in turns}


def _ticks(path: Path, task: Task) -> Iterator[LabelledRow | BadRow]:
    for number, cells in read_table(path, [*task.label_names, POST]):
        if isinstance(cells, BadRow):
            yield cells
            continue
        marks = {name: _TICKS.get(cells.get(name, "").strip()) for name in task.label_names}
        if None in marks.values():
            yield BadRow(number, "bad_row", "a column of a label holds something else than 0 or 1")
        else:
            yield _row(path, number, cells.get(POST), [name for name, mark in marks.items() if mark])


def _hierarchy(path: Path) -> Iterator[LabelledRow | BadRow]:
    lines = (line.rstrip("\r\n") for line in file_lines(path))
    for number, line in enumerate(line for line in lines if line.strip()):
        try:
            text, labels = hierarchical_line(line)
        except ValueError as error:
            yield BadRow(number, "bad_row", str(error))
        else:
            yield _row(path, number, text, labels)


def hierarchical_line(line: str) -> tuple[str, list[str]]:
    """Reads ``text<TAB>parent##child,parent``, as CP is published; a parent alone only repeats what its child says.

    Returns:
        The text, and the labels that name a child.

    Raises:
        ValueError: It is no such line; the message says why, without the text.
    """
    text, tab, labels = line.rpartition("\t")
    if not tab:
        raise ValueError("no tab between the text and its labels")
    names = [name.strip() for name in labels.split(",") if name.strip()]
    parents = {name.split("##")[0] for name in names if "##" in name}
    if any(name not in parents for name in names if "##" not in name):
        raise ValueError("a parent label without any of its children")
    return text, [name for name in names if "##" in name]


def _imhi(path: Path, tasks: Sequence[Task]) -> Iterator[LabelledRow | BadRow]:
    for number, cells in read_table(path, [QUERY, ANSWER]):
        if isinstance(cells, BadRow):
            yield cells
            continue
        found = imhi_question(cells.get(QUERY, ""), tasks)
        if found is None:
            yield BadRow(number, "bad_row", "a question that none of the tasks asks")
            continue
        task, post = found
        answer = parse_answer(cells.get(ANSWER, ""), task, "imhi")
        if answer is None:
            yield BadRow(number, "bad_row", f"an answer that names no label of {task.name}")
            continue
        yield _row(path, number, post, answer.labels, task=task.name, explanation=answer.explanation)


def imhi_question(query: str, tasks: Sequence[Task]) -> tuple[Task, str] | None:
    """Which of ``tasks`` a query of IMHI asks, and about what post; None where it asks none of them."""
    query = query.strip()
    for task in tasks:
        if "imhi" in task.styles:
            before, after = task.styles["imhi"].prompt.split("{post}")
            start, end = len(before), len(query) - len(after)
            if start <= end and query.startswith(before) and query.endswith(after):
                return task, query[start:end]
    return None


def sniff(path: Path) -> Format | None:
    """The published format of a file, told by its header or first line; None where it is none of them."""
    try:
        first = next((line for line in file_lines(path) if line.strip()), "")
    except UserError:
        return None
    columns = {name.strip().strip('"') for name in first.replace("\t", ",").split(",")}
    if path.suffix == ".jsonl":
        try:
            item = json.loads(first)
        except ValueError:
            return None
        return "messages" if isinstance(item, dict) and "messages" in item else None
    if {QUERY, ANSWER} <= columns:
        return "imhi"
    if POST in columns and path.suffix in (".tsv", ".csv"):
        return "ticks"
    return "hierarchy" if path.suffix == ".txt" and "\t" in first else None
