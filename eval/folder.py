"""The run folder: manifest.json first, then samples.jsonl line by line, so that a killed run goes on."""

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from mentalglm.errors import UserError
from mentalglm.tasks import add_task_of

MANIFEST, SAMPLES, SCORES = "manifest.json", "samples.jsonl", "scores.json"
# What must be equal for answers to belong to one run; versions and hardware may change on the way.
_SAME = ("task", "task_version", "prompt_hash", "model", "data", "options")


def default_folder() -> Path:
    """``runs/TIME``."""
    return Path("runs") / datetime.now().strftime("%Y-%m-%d_%H-%M-%S")


def open_run(folder: Path, manifest: dict[str, Any]) -> set[str]:
    """Begins a run, or goes on with the one already in the folder.

    Returns:
        The ids of the samples already finished.

    Raises:
        UserError: The folder holds another run (other data, model, task or options), or cannot be written.
    """
    manifest = json.loads(json.dumps(manifest))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / MANIFEST).exists():
            if (folder / SAMPLES).exists():
                raise UserError(f"{folder} holds {SAMPLES} but no {MANIFEST}; name another folder with --out")
            write_json(folder / MANIFEST, manifest)
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error.strerror}); name another folder with --out") from None
    before = read_json(folder / MANIFEST)
    for key in _SAME:
        if before.get(key) != manifest[key]:
            detail = _difference(before.get(key), manifest[key])
            raise UserError(f"{folder} holds another run ({key}: {detail}); name another folder with --out")
    _drop_torn_line(folder / SAMPLES)
    return {sample["id"] for sample in read_samples(folder)}


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a run, whose task becomes known if it does not ship: no model and no data are needed to score.

    Raises:
        UserError: The folder is not a run's.
    """
    if not (folder / MANIFEST).is_file():
        raise UserError(f"{folder} is not a run's folder: it has no {MANIFEST}; check the path")
    manifest = read_json(folder / MANIFEST)
    add_task_of(folder, str(manifest.get("task")))
    return manifest


def read_samples(folder: Path) -> list[dict[str, Any]]:
    """The finished samples of a run; a torn last line, left by a kill, is not one.

    Raises:
        UserError: A line before the last one is damaged.
    """
    path = folder / SAMPLES
    if not path.exists():
        return []
    *lines, _torn = path.read_bytes().split(b"\n")
    samples = []
    for number, line in enumerate(lines, start=1):
        try:
            samples.append(json.loads(line))
        except ValueError:
            raise UserError(f"{path}, line {number}: damaged; delete the line and run again") from None
    return samples


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
    if path.exists():
        content = path.read_bytes()
        if not content.endswith(b"\n"):
            with path.open("r+b") as file:
                file.truncate(content.rfind(b"\n") + 1)


def _difference(before: Any, now: Any) -> str:
    if isinstance(before, dict) and isinstance(now, dict):
        key = next(key for key in {**before, **now} if before.get(key) != now.get(key))
        return f"{key} was {before.get(key)!r}, is {now.get(key)!r}"
    return f"was {before!r}, is {now!r}"
