"""Writes a build: every file aside first, then renamed, so that a killed build leaves no half file."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from instructions.rows import Instruction

COLUMNS = ("id", "messages", "task", "source", "split", "weight")


def corpus_hash(rows: Iterable[Instruction]) -> str:
    """sha256 over the content of the rows in their order: independent of how a Parquet file happens to be packed."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(_cells(row), ensure_ascii=False, sort_keys=True).encode() + b"\n")
    return digest.hexdigest()


def write_parquet(path: Path, rows: list[Instruction]) -> None:
    """Writes rows as Parquet with exactly the columns of the Instruction format."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    message = pa.struct([("role", pa.string()), ("content", pa.string())])
    kinds = {"messages": pa.list_(message), "weight": pa.float64()}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])
    table = pa.Table.from_pylist([_cells(row) for row in rows], schema=schema)
    _aside(path, lambda temporary: pq.write_table(table, temporary, compression="zstd"))


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text with plain line feeds."""
    _aside(path, lambda temporary: temporary.write_bytes(text.encode()))


def dataset_info(name: str, splits: Iterable[str]) -> str:
    """LLaMA-Factory's ``dataset_info.json`` for the messages format, one entry per split."""
    tags = {
        "role_tag": "role",
        "content_tag": "content",
        "user_tag": "user",
        "assistant_tag": "assistant",
        "system_tag": "system",
    }
    entries = {
        f"{name}_{split}": {
            "file_name": f"{split}.parquet",
            "formatting": "sharegpt",
            "columns": {"messages": "messages"},
            "tags": tags,
        }
        for split in splits
    }
    return json.dumps(entries, ensure_ascii=False, indent=2) + "\n"


def _cells(row: Instruction) -> dict[str, Any]:
    return {name: getattr(row, name) for name in COLUMNS}


def _aside(path: Path, write: Callable[[Path], object]) -> None:
    temporary = path.with_name(f".{path.name}.partial")
    write(temporary)
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
