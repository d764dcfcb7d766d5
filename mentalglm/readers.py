"""Reads posts from files, row by row: TXT, CSV, TSV, XLSX, JSONL or standard input, in the encodings people use.

A file is never held in memory, a row that cannot be read never stops the file, and no message holds a row's text.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar

from mentalglm.encodings import DAMAGE, decoded_lines, file_lines
from mentalglm.errors import UserError
from mentalglm.progress import Meter
from mentalglm.tables import BadRow as BadRow
from mentalglm.tables import Table, open_table, read_table, undecodable

ENDINGS = (".txt", ".csv", ".tsv", ".xlsx", ".jsonl")
_LABEL_SEPARATOR = re.compile(r"[、;；|]")
_SEARCHED_FOR_KEYS = 1_000  # rows that may be broken before the first sound one
_T = TypeVar("_T")


@dataclass(frozen=True)
class Row:
    """One post of a file.

    Attributes:
        row: The data row, from 0; a header is not a row.
        text: The post, verbatim.
        cells: What the file holds in the row, one per column of :class:`Posts`.
    """

    row: int
    text: str
    cells: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Posts:
    """A file of posts, read as its rows are asked for.

    Attributes:
        rows: The rows, in the file's order.
        columns: A table's columns in their order, or the keys of the first JSON record; none for lines of text.
        column: The one of them that holds the post.
        meter: How far the file has been read.
    """

    rows: Iterator[Row | BadRow]
    columns: tuple[str, ...]
    column: str | None
    meter: Meter


@dataclass(frozen=True)
class Span:
    """A stretch of a text: offsets in Unicode code points, the end exclusive."""

    start: int
    end: int
    label: str | None


@dataclass(frozen=True)
class LabelledRow:
    """One post with its gold labels.

    Attributes:
        row: The data row, from 0.
        id: The row's own id, or ``row-N``.
        text: The post, verbatim.
        labels: The gold labels as written in the file.
        group: What belongs together (an author, a pair); the id where the file names none.
        split: ``train``, ``validation``, ``test`` or whatever the file says; None where it says nothing.
        task: The task the record was made for, where it says so.
        license: The record's licence, where it says so.
        evidence: Gold evidence; None where the file carries none.
        explanation: Gold explanation, where the file carries one.
    """

    row: int
    id: str
    text: str
    labels: tuple[str, ...]
    group: str
    split: str | None = None
    task: str | None = None
    license: str | None = None
    evidence: tuple[Span, ...] | None = None
    explanation: str | None = None


def read_rows(path: str | Path, column: str | None = None) -> Iterator[Row | BadRow]:
    """The rows of :func:`open_posts`."""
    return open_posts(path, column).rows


def open_posts(path: str | Path, column: str | None = None) -> Posts:
    """Opens a file of posts.

    Args:
        path: A .txt, .csv, .tsv, .xlsx or .jsonl file, or ``-`` for standard input (lines of text, or JSONL if it
            opens with a brace).
        column: The column or key that holds the post; ``text`` by default. Lines of text have none.

    Raises:
        UserError: The file is missing, unreadable, binary, of an unknown kind, without rows, or lacks the column. What
            can be known from the file's beginning is raised at once, not at the first row.
    """
    meter = Meter()
    if str(path) == "-":
        lines, ending = _standard_input(meter)
    else:
        path, ending = _checked(path)
        lines = file_lines(path, meter)
    if ending == ".txt":
        if column is not None:
            raise UserError(f"{_name(path)}: a text file has no columns; drop the column {column!r}, or give a table")
        return Posts(_begun(_text_rows(lines), path), (), None, meter)
    column = column or "text"
    if ending == ".jsonl":
        columns, objects = _keys_ahead(read_objects(lines))
        rows = _object_rows(objects, column, columns)
    else:
        table = open_table(Path(path), [column], meter=meter)
        columns, rows = tuple(table.columns), _table_rows(table, column)
    return Posts(_begun(rows, path), columns, column if column in columns else None, meter)


def read_labelled(
    path: str | Path, text_column: str | None = None, label_column: str | None = None
) -> Iterator[LabelledRow | BadRow]:
    """Reads posts with gold labels: JSONL records, or a table whose labels are separated by ``、``, ``;`` or ``|``.

    Args:
        path: A .jsonl, .csv, .tsv or .xlsx file.
        text_column: The column or key that holds the post; ``text`` by default.
        label_column: The column or key that holds the labels; ``labels`` by default.

    Raises:
        UserError: As :func:`read_rows`, or the file is plain text, which has no labels.
    """
    return _begun(_labelled(path, text_column or "text", label_column or "labels"), path)


def _begun(rows: Iterator[_T], path: str | Path) -> Iterator[_T]:
    """Reads one row ahead, so that a wrong path or header is an error before a model is loaded."""
    first = next(rows, None)
    if first is None:
        raise UserError(f"{_name(path)} holds no rows; check that it is the one you meant")
    return chain([first], rows)


def _name(path: str | Path) -> str:
    return "standard input" if str(path) == "-" else str(path)


def _labelled(path: str | Path, text_column: str, label_column: str) -> Iterator[LabelledRow | BadRow]:
    path, ending = _checked(path)
    if ending == ".txt":
        raise UserError(f"{path}: plain text carries no labels; give a .jsonl, .csv, .tsv or .xlsx file")
    if ending == ".jsonl":
        for row, item in read_objects(file_lines(path)):
            yield item if isinstance(item, BadRow) else _labelled_record(row, item, text_column, label_column)
        return
    for row, cells in read_table(path, [text_column, label_column]):
        if isinstance(cells, BadRow):
            yield cells
            continue
        labels = [part.strip() for part in _LABEL_SEPARATOR.split(cells[label_column])]
        record = {**cells, "labels": [label for label in labels if label]}
        yield _labelled_record(row, {**record, "evidence": None}, text_column, "labels")


def _checked(path: str | Path) -> tuple[Path, str]:
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path} is a folder; name a file in it", code="not_a_file")
    if not path.exists():
        raise UserError(f"{path} not found; check the path", code="missing_file")
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise UserError(f"{path}: files ending in {ending or 'nothing'} are not read; use {', '.join(ENDINGS)}")
    return path, ending


# Lines and sheets to rows.


def _text_rows(lines: Iterable[str]) -> Iterator[Row | BadRow]:
    for row, line in enumerate(lines):
        if DAMAGE in line:
            yield BadRow(row, "bad_row", undecodable(row + 1))
        else:
            yield Row(row, line.rstrip("\r\n"))


def _table_rows(table: Table, column: str) -> Iterator[Row | BadRow]:
    width = len(table.columns)
    place = table.columns.index(column) if width else 0
    for row, cells in table.rows:
        if isinstance(cells, BadRow):
            yield cells
        else:
            yield Row(row, cells[place], (*cells, *[""] * (width - len(cells))))


def _object_rows(
    objects: Iterator[tuple[int, dict[str, Any] | BadRow]], column: str, columns: tuple[str, ...]
) -> Iterator[Row | BadRow]:
    for row, item in objects:
        yield item if isinstance(item, BadRow) else _post_of(row, item, column, columns)


def _standard_input(meter: Meter) -> tuple[Iterator[str], str]:
    """The lines of standard input, and the ending that a file of their kind would have."""
    lines = decoded_lines(sys.stdin.buffer, "standard input", meter)
    head: list[str] = []
    for line in lines:
        head.append(line)
        if line.strip():
            break
    return chain(head, lines), ".jsonl" if head and head[-1].lstrip().startswith("{") else ".txt"


def read_objects(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, Any] | BadRow]]:
    """Reads JSON objects, one per line; blank lines are not rows.

    Yields:
        The row's number, from 0, with the object or with what is wrong with the line.
    """
    for row, (number, line) in enumerate(numbered for numbered in enumerate(lines, 1) if numbered[1].strip()):
        if DAMAGE in line:
            yield row, BadRow(row, "bad_row", undecodable(number))
            continue
        try:
            item = json.loads(line)
        except (ValueError, RecursionError) as error:
            where = f" at column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
            yield row, BadRow(row, "bad_row", f"not valid JSON{where}")
            continue
        yield row, item if isinstance(item, dict) else BadRow(row, "bad_row", "not a JSON object")


def _keys_ahead(
    objects: Iterator[tuple[int, dict[str, Any] | BadRow]],
) -> tuple[tuple[str, ...], Iterator[tuple[int, dict[str, Any] | BadRow]]]:
    """The keys of the first sound object, and all objects."""
    held = []
    for row, item in islice(objects, _SEARCHED_FOR_KEYS):
        held.append((row, item))
        if not isinstance(item, BadRow):
            return tuple(item), chain(held, objects)
    return (), chain(held, objects)


def _post_of(row: int, item: dict[str, Any], column: str, columns: tuple[str, ...] = ()) -> Row | BadRow:
    text = _text_of(item, column)
    if text is None:
        return BadRow(row, "bad_row", f"no string {column!r} and no list of turns")
    return Row(row, text, tuple(text if key == column else _cell_of(item.get(key)) for key in columns))


def _cell_of(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


def _text_of(item: dict[str, Any], column: str) -> str | None:
    if column in item or "turns" not in item:
        text = item.get(column)
        return text if isinstance(text, str) else None
    turns = item["turns"]
    if not isinstance(turns, list) or not turns or not all(_is_turn(turn) for turn in turns):
        return None
    from mentalglm.prompt import render_turns

    return render_turns(turns)


def _is_turn(turn: Any) -> bool:
    return isinstance(turn, dict) and isinstance(turn.get("role"), str) and isinstance(turn.get("content"), str)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


# Records with gold labels.


def _labelled_record(row: int, item: dict[str, Any], text_column: str, label_column: str) -> LabelledRow | BadRow:
    post = _post_of(row, item, text_column)
    if isinstance(post, BadRow):
        return post
    if not _encodable(post.text):  # labelled rows are stored and hashed before any model could refuse them
        return BadRow(row, "invalid_text", "the text holds half a surrogate pair; re-save it as valid Unicode")
    labels = item.get(label_column)
    labels = labels if isinstance(labels, list) else [labels]
    if not all(isinstance(label, str) or (isinstance(label, int) and not isinstance(label, bool)) for label in labels):
        return BadRow(row, "bad_row", f"{label_column!r} is missing or holds something else than labels")
    evidence = _spans(item.get("evidence"), len(post.text))
    if isinstance(evidence, str):
        return BadRow(row, "bad_row", evidence)
    identity = str(item.get("id") or f"row-{row}")
    return LabelledRow(
        row=row,
        id=identity,
        text=post.text,
        labels=tuple(str(label) for label in labels),
        group=str(item.get("group") or identity),
        evidence=evidence,
        **{key: str(item[key]) if item.get(key) else None for key in ("split", "task", "license", "explanation")},
    )


def _spans(evidence: Any, length: int) -> tuple[Span, ...] | str | None:
    if evidence is None:
        return None
    try:
        spans = tuple(Span(int(item["start"]), int(item["end"]), item.get("label")) for item in evidence)
    except (TypeError, KeyError, ValueError, AttributeError):
        return "evidence is not a list of start, end, label"
    outside = any(not 0 <= span.start < span.end <= length for span in spans)
    return "evidence lies outside the text" if outside else spans
