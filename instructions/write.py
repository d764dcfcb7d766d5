"""Writes a build: every file aside first, then renamed, so that a killed build leaves no half file."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from instructions.instruction import COLUMNS, Instruction
from instructions.records import Record
from mentalglm.errors import UserError

SPLITS = ("train", "validation")
# Stands in a folder while its files are being replaced; train/ refuses such a folder.
UNFINISHED = ".unfinished"
_TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "system_tag": "system",
}


def corpus_hash(rows: Iterable[dict[str, Any]]) -> str:
    """sha256 over the cells of the rows in their order: independent of how a Parquet file happens to be packed."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, ensure_ascii=False, sort_keys=True).encode() + b"\n")
    return digest.hexdigest()


def write_folder(folder: Path, name: str, rows: Sequence[Instruction], taught: dict[str, Any]) -> str:
    """Writes an instruction folder: Parquet per split, ``dataset_info.json``, ``corpus.json`` and the hash.

    Args:
        folder: Where it goes; files of an earlier build are replaced.
        name: The name of the data set in ``dataset_info.json``.
        rows: The rows, in their order.
        taught: What a model trained on it will say of itself: its style and tasks.

    Returns:
        The corpus's hash.
    """
    make_folder(folder)
    written: list[str] = []
    ordered: list[Instruction] = []
    for split in SPLITS:
        chosen = [row for row in rows if row.split == split]
        path = folder / f"{split}.parquet"
        if not chosen:
            path.unlink(missing_ok=True)
        else:
            write_parquet(path, chosen)
            written.append(split)
            ordered += chosen
    digest = corpus_hash(row.cells() for row in ordered)
    write_text(folder / "dataset_info.json", dataset_info({f"{name}_{s}": f"{s}.parquet" for s in written}))
    write_text(folder / "corpus.json", json.dumps(taught, ensure_ascii=False) + "\n")
    write_text(folder / "corpus.sha256", digest + "\n")
    return digest


def make_folder(folder: Path) -> None:
    """Makes a folder, and those it lies in.

    Raises:
        UserError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be made ({error.strerror}); choose another place") from None


@contextmanager
def unfinished(folder: Path) -> Iterator[None]:
    """Marks a folder while its files are being replaced: a build killed in between is not mistaken for a whole one."""
    mark = folder / UNFINISHED
    try:
        mark.touch()
        yield
        mark.unlink()
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror}); choose another --out") from None


def write_parquet(path: Path, rows: Sequence[Instruction]) -> None:
    """Writes rows as Parquet with exactly the columns of the Instruction format, a part at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema(pa)

    def write(temporary: Path) -> None:
        with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
            for start in range(0, len(rows), 10_000):
                part = [row.cells() for row in rows[start : start + 10_000]]
                writer.write_table(pa.Table.from_pylist(part, schema=schema))

    _aside(path, write)


def write_dataset(folder: Path, parquet: dict[str, Path]) -> None:
    """Writes what ``datasets.load_from_disk`` opens: a DatasetDict of the given Parquet files by split."""
    import datasets
    import pyarrow.parquet as pq

    splits = {split: datasets.Dataset(pq.read_table(path)) for split, path in parquet.items()}
    temporary = folder.with_name(f".{folder.name}.writing")
    shutil.rmtree(temporary, ignore_errors=True)
    datasets.disable_progress_bars()
    datasets.DatasetDict(splits).save_to_disk(str(temporary))
    shutil.rmtree(folder, ignore_errors=True)
    temporary.rename(folder)


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Writes records as JSONL."""

    def write(temporary: Path) -> None:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            for record in records:
                file.write(json.dumps(record.model_dump(), ensure_ascii=False) + "\n")

    make_folder(path.parent)
    _aside(path, write)


def write_quarantine(
    path: Path, left_out: Iterable[tuple[str, str, str]], without: Iterable[tuple[str, str, str]]
) -> None:
    """Writes one line for every row that was left out, then for every one that lost its explanation; never a text."""
    lines = [{"id": i, "source": source, "reason": why} for i, source, why in sorted(left_out)]
    lines += [{"id": i, "source": s, "reason": why, "kept": "without explanation"} for i, s, why in sorted(without)]
    write_text(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text with plain line feeds."""
    _aside(path, lambda temporary: temporary.write_bytes(text.encode()))


def dataset_info(files: dict[str, str]) -> str:
    """LLaMA-Factory's ``dataset_info.json`` for the messages format: one entry per data set name and file."""
    entries = {
        name: {
            "file_name": file,
            "formatting": "sharegpt",
            "columns": {"messages": "messages"},
            "tags": _TAGS,
        }
        for name, file in files.items()
    }
    return json.dumps(entries, ensure_ascii=False, indent=2) + "\n"


def _schema(pa: Any) -> Any:
    message = pa.struct([("role", pa.string()), ("content", pa.string())])
    kinds = {"messages": pa.list_(message), "weight": pa.float64()}
    return pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])


def _aside(path: Path, write: Callable[[Path], Any]) -> None:
    temporary = path.with_name(f".{path.name}.writing")
    try:
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror}); free some space or choose another --out"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)
