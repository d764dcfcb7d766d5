"""What ``mentalglm.json`` says of a trained model."""

import hashlib
import importlib.metadata
import importlib.util
import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mentalglm.models import weights_hash
from mentalglm.models.find import find_model
from mentalglm.tasks import load_task, prompt_hash, task_names
from train.config import TrainConfig

_PACKAGES = ("torch", "transformers", "deepspeed", "peft", "tokenizers", "bitsandbytes")


def describe_run(config: TrainConfig, rows: Iterable[dict[str, Any] | str], steps: int | None = None) -> dict[str, Any]:
    """What a model was taught, in which words, on what, with which settings.

    Args:
        config: The effective settings, the seed among them.
        rows: The instructions trained on, or only the names of their tasks.
        steps: Optimizer steps taken.
    """
    named = {row if isinstance(row, str) else row["task"] for row in rows}
    style, tasks = _taught(config, named)
    return {
        "tasks": tasks,
        "style": style,
        "prompt_hash": {name: prompt_hash(load_task(name), load_task(name).style_in(style)) for name in tasks},
        "corpus_sha256": corpus_hash(config.data),
        "steps": steps,
        "config": config.model_dump(mode="json"),
        "git": _git_revision(),
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES if importlib.util.find_spec(name)},
        "base_sha256": _base_hash(str(config.model), config.revision) if config.trains_adapter else None,
    }


def corpus_hash(folder: Path) -> str | None:
    """The hash that ``instructions build`` wrote; of a folder made by other means, that of its training file."""
    path, rows = folder / "corpus.sha256", folder / "train.parquet"
    if path.is_file():
        return path.read_text(encoding="utf-8").split()[0]
    if not rows.is_file():
        return None
    with rows.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _base_hash(model: str, revision: str | None) -> str | None:
    """The hash of the weights below an adapter, which loading holds against those it finds there."""
    return weights_hash(find_model(model, revision))


def _taught(config: TrainConfig, named: set[str]) -> tuple[str | None, list[str]]:
    """Style and tasks as ``instructions build`` noted them; of a folder made by other means, the tasks of its rows."""
    path = config.data / "corpus.json"
    if not path.is_file():
        return None, [name for name in task_names() if name in named]
    noted = json.loads(path.read_text(encoding="utf-8"))
    chosen = config.tasks
    return noted["style"], [name for name in noted["tasks"] if chosen is None or name in chosen]


def _git_revision() -> str | None:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or None
