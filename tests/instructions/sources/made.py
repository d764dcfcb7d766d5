"""Small invented sources for the tests here."""

import json
from pathlib import Path
from typing import Any

from instructions.records import Record
from instructions.sources import Fault, Source, read_records_of, source_from


def source(**keys: Any) -> Source:
    """A source of one Chinese table with suicide_risk labels, except for what ``keys`` say."""
    made = {"name": "lab", "reader": "table", "files": ["a.csv"], "language": "zh"}
    return source_from({**made, "tasks": [{"task": "suicide_risk", "labels": "label"}], **keys}, "test")


def read(wanted: Source, data: Path) -> tuple[list[Record], list[Fault]]:
    """The records and the faults of a source."""
    rows = list(read_records_of(wanted, data))
    return [row for row in rows if isinstance(row, Record)], [row for row in rows if isinstance(row, Fault)]


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    """Writes a file and the folders it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return path


def jsonl(*rows: Any) -> str:
    """Rows as JSONL."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
