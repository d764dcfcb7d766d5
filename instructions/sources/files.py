"""Opens the files sources come in: JSON, JSONL (plain, gz, xz), JSON lists in a zip, and Parquet."""

import gzip
import json
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from mentalglm.errors import UserError

_BROKEN = (OSError, EOFError, UnicodeDecodeError, lzma.LZMAError, zlib.error, zipfile.BadZipFile)


def json_lines(path: Path) -> Iterator[str]:
    """The non-blank lines of a JSONL file, unread, so that one bad line stays one bad row."""
    with _readable(path), _open_text(path) as lines:
        for line in lines:
            if line.strip():
                yield line


def packed_lines(path: Path) -> Iterator[str]:
    """The lines of a text file packed as .gz or .xz."""
    with _readable(path), _open_text(path) as lines:
        yield from lines


def parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file, read piece by piece."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches():
                yield from batch.to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{path}: cannot be read ({type(error).__name__}); fetch the file again") from None


def json_list(path: Path) -> list[Any]:
    """The items of a file that holds one JSON list."""
    with _readable(path), _open_text(path) as file:
        return _as_list(file.read(), str(path))


def zipped_lists(path: Path, folder: str) -> Iterator[Any]:
    """The items of every JSON list below ``folder`` in a zip, files in the order of their names."""
    with _readable(path), zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if name.startswith(folder) and name.endswith(".json"):
                yield from _as_list(archive.read(name).decode("utf-8"), f"{path}/{name}")


def _open_text(path: Path) -> IO[str]:
    if path.suffix == ".xz":
        return lzma.open(path, "rt", encoding="utf-8")
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _as_list(text: str, name: str) -> list[Any]:
    try:
        items = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{name}: not valid JSON (line {error.lineno}); fetch the file again") from None
    if not isinstance(items, list):
        raise UserError(f"{name}: holds a {type(items).__name__} where a list is expected; fetch the file again")
    return items


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise UserError(f"{path}: cannot be read ({type(error).__name__}); fetch the file again") from None
