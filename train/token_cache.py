"""Encoded data on disk: flat arrays that are mapped, not read. Written aside and renamed; checked when opened."""

import hashlib
import json
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mentalglm.tasks import load_task, task_names
from train.aside import sync
from train.config import TrainConfig
from train.data import tasks_in

# What an example is made of beyond settings and data: raise it when the encoding changes.
_VERSION = 1
ARRAYS: dict[str, Any] = {
    "ids": np.int32,
    "scored": np.bool_,
    "offsets": np.int64,
    "scored_tokens": np.int64,
    "weights": np.float32,
}
_NOTE = "note.json"
_SETTINGS = ("loss_on", "max_seq_length", "overlong", "class_weights")
_ABANDONED_AFTER = 86400.0  # seconds; no encoding takes a day


def cache_key(config: TrainConfig, tokenizer: Any, path: Path, max_tokens: int | None) -> str:
    """A name for everything that decides how ``path`` is encoded: another name, another encoding."""
    tasks = {name: load_task(name).model_dump(mode="json") for name in tasks_in(path) if name in task_names()}
    with path.open("rb") as file:
        rows = hashlib.file_digest(file, "sha256").hexdigest()
    decisive = {
        "version": _VERSION,
        "rows": rows,
        "split": path.stem,
        "tasks": tasks,
        "wanted": sorted(config.tasks) if config.tasks is not None else None,
        "max_tokens": max_tokens,
        "tokenizer": _tokenizer_state(tokenizer),
        **config.model_dump(include=set(_SETTINGS)),
    }
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:32]


def _tokenizer_state(tokenizer: Any) -> Any:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        state: Any = [type(tokenizer).__name__, tokenizer.get_vocab()]
    else:
        # What stands before the tokens, padding and truncation, is how it was last called and no part of what it is.
        head, _, state = backend.to_str().partition('"added_tokens"')
        state = state or head
    return [state, tokenizer.chat_template, str(tokenizer.special_tokens_map)]


class ArrayWriter:
    """Appends to the arrays of a folder, so that a corpus of any size takes the memory of one batch."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hashes = {name: hashlib.sha256() for name in ARRAYS}
        self.files: dict[str, BinaryIO] = {}

    def __enter__(self) -> "ArrayWriter":
        self.files = {name: (self.folder / f"{name}.bin").open("wb") for name in ARRAYS}
        return self

    def __exit__(self, *_: object) -> None:
        for file in self.files.values():
            file.close()

    def append(self, name: str, values: Any) -> None:
        """Adds ``values`` to the array called ``name``."""
        written = np.ascontiguousarray(values, dtype=ARRAYS[name]).tobytes()
        self.hashes[name].update(written)
        self.files[name].write(written)

    def finish(self, note: dict[str, Any]) -> None:
        """Leaves ``note`` beside the arrays; what opens the folder checks against it."""
        note = note | {"sha256": {name: digest.hexdigest() for name, digest in self.hashes.items()}}
        (self.folder / _NOTE).write_text(json.dumps(note, ensure_ascii=False), encoding="utf-8")


def open_arrays(folder: Path) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The mapped arrays of a folder and its note; None where there is none, or one that is damaged."""
    try:
        note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
        for name in ARRAYS:
            with (folder / f"{name}.bin").open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != note["sha256"][name]:
                    return None
        mapped = {name: np.memmap(folder / f"{name}.bin", kind, "r") for name, kind in ARRAYS.items()}
        return {name: np.asarray(array) for name, array in mapped.items()}, note
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def cache_aside(folder: Path) -> Iterator[Path]:
    """A folder to write into, that becomes ``folder`` if nothing goes wrong. What was there before, damaged, goes.

    Another node may have made the same one meanwhile, on a disk that both see: then its work is kept.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    for old in folder.parent.glob("*.partial"):  # of runs that were killed
        if time.time() - old.stat().st_mtime > _ABANDONED_AFTER:
            shutil.rmtree(old, ignore_errors=True)
    aside = folder.with_name(f"{folder.name}-{uuid.uuid4().hex}.partial")
    aside.mkdir()
    try:
        yield aside
        sync(aside)
        if open_arrays(folder) is None:
            shutil.rmtree(folder, ignore_errors=True)
            aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
