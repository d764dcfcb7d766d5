"""From files to rows: one dict per row whatever the format, with the place each row came from."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from instructions.sources.files import json_list, packed_lines, parquet_rows
from instructions.sources.parts import SourceFile, Split
from instructions.sources.source import Source
from mentalglm.encodings import file_lines, mixed_lines
from mentalglm.errors import UserError
from mentalglm.published import hierarchical_line
from mentalglm.readers import read_objects
from mentalglm.tables import BadRow, read_table

TABLES = (".csv", ".tsv", ".xlsx")
Cells = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Where a row stands.

    Attributes:
        stem: The name of its file without its ending, or of its sheet or split.
        number: Its number there, from 0.
        split: The split that the file as a whole belongs to, where the source says so.
    """

    stem: str
    number: int
    split: Split | None = None


def read_source_rows(source: Source, data: Path) -> Iterator[tuple[Place, Cells | str]]:
    """Reads every row of a source of posts.

    Yields:
        The row's place, with its cells or, where it cannot be read, with the reason.

    Raises:
        UserError: A file is missing or broken as a whole, or lacks a column.
    """
    if source.hub is not None:
        from instructions.sources.hub import hub_rows

        for name, split, number, cells in hub_rows(source.hub, data):
            if number == 0:
                _check_columns(needed_columns(source), cells, source.hub.name)
            yield Place(name, number, split), cells
        return
    paths = [file.path for file in source.files]
    for file, stem in zip(source.files, stems(paths), strict=True):
        several = len(file.sheets) > 1 or paths.count(file.path) > 1
        sheets: list[str | None] = [*file.sheets] or [None]
        for sheet in sheets:
            name = f"{stem}/{sheet}" if several and sheet else stem
            for number, row in enumerate(_file_rows(source, file, data / file.path, sheet)):
                if file.rename and isinstance(row, dict):
                    row = {file.rename.get(column, column): cell for column, cell in row.items()}
                yield Place(name, number, file.split), row


def stems(paths: list[str]) -> list[str]:
    """What rows of each file are called: its name without endings, with its folders where two files share a name."""
    different = [PurePosixPath(path) for path in dict.fromkeys(paths)]
    for depth in range(1, max((len(path.parts) for path in different), default=1) + 1):
        names = ["-".join([*path.parts[-depth:-1], path.stem]) for path in different]
        if len(set(names)) == len(names):
            break
    else:  # names that differ in their ending only
        names = ["-".join(path.parts) for path in different]
    named = dict(zip(dict.fromkeys(paths), names, strict=True))
    return [named[path] for path in paths]


def _file_rows(source: Source, file: SourceFile, path: Path, sheet: str | None) -> Iterator[Cells | str]:
    if not path.is_file():
        raise UserError(f"{path} not found; check the path", code="missing_file")
    if source.reader == "lines":
        yield from ({source.text: line.rstrip("\r\n")} for line in _lines(path, source) if line.strip())
    elif source.reader == "hierarchy":
        yield from (_hierarchical(line.rstrip("\r\n"), source) for line in _lines(path, source) if line.strip())
    else:
        theirs = {ours: theirs for theirs, ours in file.rename.items()}
        needed = [theirs.get(column, column) for column in needed_columns(source)]
        if path.suffix.lower() in TABLES:
            rows = read_table(path, needed, sheet=sheet, header_row=file.header_row, encoding=source.encoding)
            yield from (row.message if isinstance(row, BadRow) else row for _, row in rows)
        else:
            yield from _item_rows(path, needed, strict=source.reader == "table")


def _item_rows(path: Path, needed: list[str], strict: bool) -> Iterator[Cells | str]:
    """Rows of JSON, JSONL (plain or packed) and Parquet files; the first of ``needed`` is the post."""
    ending = path.suffix.lower()
    if ending == ".parquet":
        items: Iterator[Any] = parquet_rows(path)
    elif ending == ".json":
        items = iter(json_list(path))
    elif ending in (".jsonl", ".gz", ".xz"):
        lines = file_lines(path) if ending == ".jsonl" else packed_lines(path)
        items = (row for _, row in read_objects(lines))
    else:
        raise UserError(f"{path}: files ending in {ending or 'nothing'} are not read; use {', '.join(_KNOWN)}")
    for number, item in enumerate(items):
        if isinstance(item, BadRow):
            yield item.message
        elif not isinstance(item, dict):
            yield "not a JSON object"
        else:
            if number == 0 and strict:  # JSON may leave out what a row has not, but not its post
                _check_columns(needed if ending == ".parquet" else needed[:1], item, str(path))
            yield item


def _check_columns(needed: list[str], row: Cells, where: str) -> None:
    """A column that is not there is one mistake in the YAML, not a fault of every row."""
    absent = [column for column in needed if column not in row]
    if absent:
        raise UserError(f"{where}: no column {absent[0]!r}; columns found: {', '.join(map(str, row))}")


_KNOWN = (*TABLES, ".json", ".jsonl", ".jsonl.gz", ".jsonl.xz", ".parquet")


def needed_columns(source: Source) -> list[str]:
    """The columns that a table must have for its rows to be read; the first is the post's."""
    columns = [source.text, source.answer, source.split_column, source.id, source.group, *source.meta]
    for rows in source.tasks:
        columns += [rows.labels, source.of_task(rows, "explanation"), source.of_task(rows, "evidence"), *rows.ticks]
        for theirs in rows.annotators.values():
            columns += [theirs] if isinstance(theirs, str) else list(theirs)
    return list(dict.fromkeys(column for column in columns if column is not None))


def _lines(path: Path, source: Source) -> Iterator[str]:
    return file_lines(path) if source.encoding is None else mixed_lines(path, source.encoding)


def _hierarchical(line: str, source: Source) -> Cells | str:
    try:
        text, labels = hierarchical_line(line)
    except ValueError as error:
        return str(error)
    return {source.text: text, "labels": labels}
