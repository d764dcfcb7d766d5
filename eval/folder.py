"""The run folder: manifest.json first, then samples.jsonl line by line, so that a killed run goes on.

A run of one task has that task's facts at the top of its manifest; a run of a suite has them under ``tasks``, by task,
and each of its samples says its ``task``. :func:`task_manifests` reads both alike.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from mentalglm.errors import UserError
from mentalglm.file_lock import hold
from mentalglm.tasks import add_task_of

MANIFEST, SAMPLES, SCORES = "manifest.json", "samples.jsonl", "scores.json"
# What must be equal for answers to belong to one run; versions and hardware may change on the way.
_SAME = ("suite", "task", "task_version", "prompt_hash", "model", "data", "shots", "options", "tasks")


def default_folder() -> Path:
    """``runs/TIME``."""
    return Path("runs") / datetime.now().strftime("%Y-%m-%d_%H-%M-%S")


def open_run(folder: Path, manifest: dict[str, Any]) -> None:
    """Begins a run, or sees to it that the one already in the folder is the same.

    Raises:
        UserError: The folder holds another run (other data, model, task or options), or cannot be written.
    """
    manifest = json.loads(json.dumps(manifest))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / MANIFEST).exists():
            if (folder / SAMPLES).exists():
                raise UserError(f"{folder} holds {SAMPLES} but no {MANIFEST}; name another folder with --out")
            if any(folder.iterdir()):
                raise UserError(f"{folder} holds other files and no run; name a folder of its own with --out")
            write_json(folder / MANIFEST, manifest)
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error.strerror}); name another folder with --out") from None
    before = read_json(folder / MANIFEST)
    for key in _SAME:
        if before.get(key) != manifest.get(key):
            detail = _difference(before.get(key), manifest.get(key))
            raise UserError(f"{folder} holds another run ({key}: {detail}); name another folder with --out")


@contextmanager
def appending(folder: Path) -> Iterator[tuple[set[tuple[str | None, str]], IO[str]]]:
    """Opens the samples for one writer alone, a torn last line dropped.

    Yields:
        The task (None in a run of one task) and id of every finished sample, and the file to append to.

    Raises:
        UserError: Another process is writing the run, or a line before the last one is damaged.
    """
    path = folder / SAMPLES
    with path.open("a+b") as held:
        hold(held, f"{folder}: another process is running into it; wait, or name another with --out")
        _drop_torn_line(path)
        done = {(sample.get("task"), sample["id"]) for sample in each_sample(folder)}
        with path.open("a", encoding="utf-8", newline="\n") as file:
            yield done, file


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a run, whose tasks become known if they do not ship: scoring needs no model and no data.

    Raises:
        UserError: The folder is not a run's.
    """
    if not (folder / MANIFEST).is_file():
        raise UserError(f"{folder} is not a run's folder: it has no {MANIFEST}; check the path")
    manifest = read_json(folder / MANIFEST)
    for name in task_manifests(manifest):
        add_task_of(folder, name)
    return manifest


def task_manifests(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By task, in the run's order, the manifest that a run of it alone would have."""
    if "tasks" not in manifest:
        return {str(manifest.get("task")): manifest}
    common = {key: value for key, value in manifest.items() if key != "tasks"}
    return {name: {**common, "task": name, **facts} for name, facts in manifest["tasks"].items()}


def each_sample(folder: Path) -> Iterator[dict[str, Any]]:
    """The finished samples of a run, one at a time; a torn last line, left by a kill, is not one.

    Raises:
        UserError: A line before the last one is damaged.
    """
    path = folder / SAMPLES
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.endswith(b"\n"):
                try:
                    yield json.loads(line)
                except ValueError:
                    raise UserError(f"{path}, line {number}: damaged; delete the line and run again") from None


def samples_hash(folder: Path) -> str:
    """sha256 of the stored answers: scores carry it, so that stale ones are known."""
    path = folder / SAMPLES
    return hashlib.sha256(path.read_bytes() if path.exists() else b"").hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        UserError: The file cannot be read or is no JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UserError(f"{path}: cannot be read as JSON; run again into another folder") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: not a JSON object; run again into another folder")
    return content


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes a JSON object in one step: a kill leaves the old file or the new one, never half of it."""
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    draft.replace(path)


def _drop_torn_line(path: Path) -> None:
    content = path.read_bytes()
    if not content.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)


def _difference(before: Any, now: Any) -> str:
    """The first place where two manifests differ, as ``a.b was x, is y``."""
    if isinstance(before, dict) and isinstance(now, dict):
        key = next(key for key in {**before, **now} if before.get(key) != now.get(key))
        inner = before.get(key), now.get(key)
        return f"{key}{'.' if all(isinstance(x, dict) for x in inner) else ' '}{_difference(*inner)}"
    return f"was {before!r}, is {now!r}"
