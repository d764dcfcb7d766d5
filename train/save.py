"""What a run leaves behind: checkpoints to resume from, and the finished model folder. Written aside, then renamed."""

import importlib.metadata
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from mentalglm.errors import UserError
from mentalglm.models import weights_hash
from mentalglm.tasks import keep_task, load_task, prompt_hash, task_names
from train.config import TrainConfig

_SETTINGS = "settings.json"
_FREE_SETTINGS = {"output_dir", "save_steps", "logging_steps", "save_dtype", "resume", "show_sample", "dry_run"}


def checkpoints(output_dir: Path) -> list[Path]:
    """The complete checkpoints of a run, oldest first."""
    found = (output_dir / "checkpoints").glob("step-*")
    return sorted(found, key=lambda path: int(path.name.removeprefix("step-")))


def save_checkpoint(engine: Any, config: TrainConfig, step: int) -> None:
    """Writes a checkpoint that every rank takes part in; only the newest two are kept."""
    import torch.distributed as dist

    folder = config.output_dir / "checkpoints"
    engine.save_checkpoint(str(folder), tag=f"partial-{step}", client_state={"step": step}, save_latest=False)
    dist.barrier()
    if dist.get_rank() == 0:
        settings = json.dumps(_decisive(config, dist.get_world_size()), indent=1)
        (folder / f"partial-{step}" / _SETTINGS).write_text(settings + "\n", encoding="utf-8")
        _sync(folder / f"partial-{step}")
        shutil.rmtree(folder / f"step-{step}", ignore_errors=True)
        (folder / f"partial-{step}").rename(folder / f"step-{step}")
        for old in checkpoints(config.output_dir)[:-2]:
            shutil.rmtree(old)
    dist.barrier()


def check_same_run(checkpoint: Path, config: TrainConfig, world: int) -> None:
    """Refuses to go on from a checkpoint that other settings made: the run would be neither the one nor the other.

    Raises:
        UserError: A setting that decides what the run computes differs; it is named with both values.
    """
    path = checkpoint / _SETTINGS
    if not path.is_file():
        raise UserError(
            f"resume: {checkpoint} is no checkpoint; give a folder like checkpoints/step-200, auto or never"
        )
    made_with = json.loads(path.read_text(encoding="utf-8"))
    for key, value in _decisive(config, world).items():
        if made_with.get(key) != value:
            raise UserError(
                f"resume: {checkpoint} was made with {key}={made_with.get(key)}, now {value}; "
                "restore it, or choose resume=never or another output_dir"
            )


def _decisive(config: TrainConfig, world: int) -> dict[str, Any]:
    """The settings that decide what a run computes."""
    corpus = {"corpus_sha256": corpus_hash(config.data), "ranks": world}
    return config.model_dump(mode="json", exclude=_FREE_SETTINGS) | corpus


def save_model(model: Any, tokenizer: Any, config: TrainConfig, rows: list[dict[str, Any]]) -> Path:
    """Writes the finished model, or adapter, in the Hugging Face layout with ``mentalglm.json`` beside it.

    Tasks that do not come with the package go along, in ``tasks/``: the folder is all that is needed to use the model.

    Returns:
        The folder.
    """
    import torch

    folder, aside = config.output_dir / "model", config.output_dir / "model.partial"
    shutil.rmtree(aside, ignore_errors=True)
    if config.save_dtype == "bf16":
        model = model.to(torch.bfloat16)
    model.save_pretrained(aside)
    tokenizer.save_pretrained(aside)
    described = describe_run(config, rows)
    written = json.dumps(described, ensure_ascii=False, indent=2)
    (aside / "mentalglm.json").write_text(written + "\n", encoding="utf-8")
    for name in described["tasks"]:
        keep_task(aside, name)
    _sync(aside)
    shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)
    return folder


def describe_run(config: TrainConfig, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What ``mentalglm.json`` says of a model: what it was taught, in which words, on what, with which settings."""
    style, tasks = _taught(config.data, rows)
    packages = ("torch", "transformers", "deepspeed", "peft", "tokenizers")
    return {
        "tasks": tasks,
        "style": style,
        "prompt_hash": {name: prompt_hash(load_task(name), load_task(name).style_in(style)) for name in tasks},
        "corpus_sha256": corpus_hash(config.data),
        "config": config.model_dump(mode="json"),
        "git": _git_revision(),
        "versions": {name: importlib.metadata.version(name) for name in packages},
        "base_sha256": _base_hash(config),
    }


def _base_hash(config: TrainConfig) -> str | None:
    """The hash of the weights below an adapter, which loading holds against those it finds there."""
    base = Path(str(config.model))
    return weights_hash(base) if config.lora is not None and base.is_dir() else None


def _taught(folder: Path, rows: list[dict[str, Any]]) -> tuple[str | None, list[str]]:
    """Style and tasks as ``instructions build`` noted them; of a folder made by other means, the tasks of its rows."""
    path = folder / "corpus.json"
    if path.is_file():
        noted = json.loads(path.read_text(encoding="utf-8"))
        return noted["style"], list(noted["tasks"])
    return None, [name for name in task_names() if name in {row["task"] for row in rows}]


def corpus_hash(folder: Path) -> str | None:
    """The hash that ``instructions build`` wrote, or None for a folder made by other means."""
    path = folder / "corpus.sha256"
    return path.read_text(encoding="utf-8").split()[0] if path.is_file() else None


def _git_revision() -> str | None:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
