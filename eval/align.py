"""Brings runs of the same samples into the same order, and refuses runs that answered different ones."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.arrays import Arrays
from eval.samples import task_arrays
from mentalglm.errors import UserError
from mentalglm.tasks import Task


@dataclass(frozen=True)
class Aligned:
    """One task that several runs answered, row by row the same samples.

    Attributes:
        task: The task.
        manifests: Its part of each run's manifest.
        runs: Each run's samples.
        left_out: How many samples of each run the others lack.
    """

    task: Task
    manifests: list[dict[str, Any]]
    runs: list[Arrays]
    left_out: list[int]


def align(folders: list[Path], common: bool = False) -> list[Aligned]:
    """The tasks that all runs answered.

    Args:
        folders: The runs' folders.
        common: Take the samples that all runs share, where they answered different ones, instead of refusing.

    Raises:
        UserError: A folder cannot be read, no task or no sample is shared, or the runs answered different data.
    """
    made = [task_arrays(folder) for folder in folders]
    names = [name for name in made[0] if all(name in run for run in made)]
    asked = sorted({name for run in made for name in run})
    if not names or (len(names) < len(asked) and not common):
        advice = "--common compares those" if names else "give runs of the same task"
        raise UserError(f"{_these(folders)}: {len(names)} of {len(asked)} tasks are in all of them; {advice}")
    return [_align([run[name] for run in made], folders, common) for name in names]


def _align(made: list[tuple[Task, dict[str, Any], Arrays]], folders: list[Path], common: bool) -> Aligned:
    task, runs, manifests = made[0][0], [arrays for _, _, arrays in made], [manifest for _, manifest, _ in made]
    keys = [_keys(arrays) for arrays in runs]
    shared = set(keys[0]).intersection(*keys[1:])
    same_data = len({manifest["data"]["sha256"] for manifest in manifests}) == 1
    if not common and not (same_data and all(len(shared) == len(run) for run in runs)):
        why = "other samples" if same_data else "other data (the files' hashes differ)"
        counts = " and ".join(str(len(run)) for run in runs)
        advice = "--common compares those" if shared else "give runs of the same data"
        raise UserError(
            f"{_these(folders)} answered {why} for {task.name}: of {counts} samples {len(shared)} are shared; {advice}"
        )
    if not shared:
        raise UserError(f"{_these(folders)} share no sample of {task.name}; give runs of the same data")
    order = [key for key in keys[0] if key in shared]
    chosen = [_places(mine, order) for mine in keys]
    aligned = [run.rows(places) for run, places in zip(runs, chosen, strict=True)]
    return Aligned(task, manifests, aligned, [len(run) - len(order) for run in runs])


def _keys(arrays: Arrays) -> list[tuple[str, str, bytes]]:
    """What makes two samples the same: the row's name, its post and its gold labels."""
    gold = np.packbits(arrays.gold, axis=1)
    return [
        (str(name), str(post), labels.tobytes())
        for name, post, labels in zip(arrays.ids, arrays.documents, gold, strict=True)
    ]


def _places(keys: list[tuple[str, str, bytes]], order: list[tuple[str, str, bytes]]) -> NDArray[np.int64]:
    places = {key: place for place, key in enumerate(keys)}
    return np.array([places[key] for key in order], int)


def _these(folders: list[Path]) -> str:
    return " and ".join(map(str, folders)) if len(folders) < 4 else f"these {len(folders)} runs"
