"""Checkpoints to resume from: written aside by all ranks, renamed when they are whole."""

import json
import shutil
from pathlib import Path
from typing import Any

from mentalglm.errors import UserError
from train.aside import is_disk_fault, sync
from train.config import TrainConfig
from train.describe import corpus_hash

_SETTINGS = "settings.json"
# What may change between a run and its resumption, since no step depends on it.
_FREE_SETTINGS = {
    "output_dir",
    "save_steps",
    "save_total_limit",
    "logging_steps",
    "report_to",
    "save_dtype",
    "merge",
    "resume",
    "show_sample",
    "dry_run",
}


def checkpoints(output_dir: Path) -> list[Path]:
    """The complete checkpoints of a run, oldest first; a copy under another name is none."""
    found = (output_dir / "checkpoints").glob("step-*")
    return sorted((path for path in found if path.name.removeprefix("step-").isdecimal()), key=_step_of)


def _step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("step-"))


def save_checkpoint(engine: Any, config: TrainConfig, step: int, state: dict[str, Any]) -> None:
    """Writes a checkpoint; every rank calls it. The newest ``save_total_limit`` are kept.

    Those of later steps are left from a run that was begun anew, or taken up again from before them: they go, or they
    would crowd out the ones of this run and be resumed from in their place.

    Args:
        engine: DeepSpeed's.
        config: The settings; a resumed run's must agree with them.
        step: Optimizer steps done.
        state: What else the run must know to go on.

    Raises:
        UserError: The disk is full, or cannot be written to. The checkpoints before are untouched.
    """
    import torch.distributed as dist

    folder = config.output_dir / "checkpoints"
    aside = folder / f"partial-{step}"
    try:
        # A frozen base is loaded from its own folder again; no need to write it with every checkpoint.
        engine.save_checkpoint(
            str(folder),
            tag=aside.name,
            client_state={"step": step, **state},
            save_latest=False,
            exclude_frozen_parameters=config.trains_adapter,
        )
        dist.barrier()
        if dist.get_rank() == 0:
            settings = json.dumps(_decisive(config, dist.get_world_size()), indent=1)
            (aside / _SETTINGS).write_text(settings + "\n", encoding="utf-8")
            sync(aside)
            shutil.rmtree(folder / f"step-{step}", ignore_errors=True)
            aside.rename(folder / f"step-{step}")
            sync(folder / f"step-{step}")
            there = checkpoints(config.output_dir)
            ours = [path for path in there if _step_of(path) <= step]
            for old in ours[: -config.save_total_limit] + there[len(ours) :]:
                shutil.rmtree(old)
    except (OSError, RuntimeError) as error:
        shutil.rmtree(aside, ignore_errors=True)
        if is_disk_fault(error):
            raise UserError(_disk_fault(folder, step, error), "disk") from None
        raise
    dist.barrier()


def clear_unfinished(output_dir: Path) -> None:
    """Deletes what a killed run was writing when it was killed."""
    for path in (output_dir / "checkpoints").glob("partial-*"):
        shutil.rmtree(path, ignore_errors=True)


def resume(engine: Any, config: TrainConfig) -> dict[str, Any] | None:
    """Loads the checkpoint that ``config.resume`` asks for; every rank calls it.

    Returns:
        The state it was saved with, ``step`` in it, or None for a run that starts from nothing.

    Raises:
        UserError: There is no such checkpoint, it is damaged, or other settings made it.
    """
    path = _asked_for(config)
    if path is None:
        return None
    check_same_run(path, config, engine.world_size)
    try:
        loaded, state = engine.load_checkpoint(
            str(path.parent), tag=path.name, load_module_strict=not config.trains_adapter
        )
    except Exception as error:  # a damaged file raises whatever its reader raises
        raise UserError(_damaged(path, " ".join(str(error).split())[:200])) from None
    if loaded is None:
        raise UserError(_damaged(path, "files are missing"))
    return dict(state)


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


def _asked_for(config: TrainConfig) -> Path | None:
    if config.resume == "never":
        return None
    if config.resume != "auto":
        return Path(config.resume)
    found = checkpoints(config.output_dir)
    return found[-1] if found else None


def _decisive(config: TrainConfig, world: int) -> dict[str, Any]:
    """The settings that decide what a run computes."""
    corpus = {"corpus_sha256": corpus_hash(config.data), "ranks": world}
    return config.model_dump(mode="json", exclude=_FREE_SETTINGS) | corpus


def _disk_fault(folder: Path, step: int, error: Exception) -> str:
    # What PyTorch's writer says of a full disk ("unexpected pos 9536") helps nobody.
    reason = getattr(error, "strerror", None) or "writing failed"
    free = shutil.disk_usage(folder).free / 1e9
    return (
        f"the checkpoint of step {step} cannot be written to {folder}: {reason} ({free:.2f} GB free); make room "
        "and give the same command again: it goes on from the last good checkpoint, which is untouched"
    )


def _damaged(path: Path, reason: str) -> str:
    return f"resume: {path} cannot be read ({reason}); delete it to go on from the one before, or choose resume=never"
