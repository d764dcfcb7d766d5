"""Reads the samples of a run into arrays, a few thousand lines at a time: 100,000 samples fit a small machine."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from eval.arrays import Arrays, join, to_arrays
from eval.explanations.blocks import rows_of
from eval.explanations.model_scores import add_model_scores
from eval.folder import each_sample, read_manifest, task_manifests
from mentalglm.errors import UserError
from mentalglm.tasks import Task, load_task

_AT_A_TIME = 4096
# What no measure of explanations reads.
_BULK = ("text", "reply", "probabilities", "prompt_sha256", "target_sha256", "text_sha256")


def task_arrays(folder: Path) -> dict[str, tuple[Task, dict[str, Any], Arrays]]:
    """By task, in the run's order: the task, its part of the manifest, its samples.

    Raises:
        UserError: The folder is not a run's or holds no finished sample, or a task has changed since.
    """
    manifests = task_manifests(read_manifest(folder))
    tasks = {name: load_task(name) for name in manifests}
    for name, task in tasks.items():
        if (was := manifests[name]["task_version"]) != task.version:
            raise UserError(f"{folder} ran version {was} of {name}, now {task.version}; run again")
    parts: dict[str, list[Arrays]] = {name: [] for name in manifests}
    explained: dict[str, list[dict[str, Any]]] = {name: [] for name in manifests}
    waiting: dict[str, list[dict[str, Any]]] = {name: [] for name in manifests}
    alone = next(iter(manifests))
    for sample in each_sample(folder):
        lines = waiting[name := sample.get("task", alone)]
        lines.append(sample)
        if not manifests[name]["options"]["labels_only"]:
            explained[name].append({key: value for key, value in sample.items() if key not in _BULK})
        if len(lines) == _AT_A_TIME:
            parts[name].append(to_arrays(lines, tasks[name]))
            lines.clear()
    found = {}
    for name, task in tasks.items():
        if waiting[name] or parts[name]:
            with_evidence = not manifests[name]["options"]["labels_only"]
            arrays = join([*parts[name], to_arrays(waiting[name], task)], with_evidence)
            if with_evidence:
                add_model_scores(folder, explained[name])
                arrays = replace(arrays, explained=rows_of(explained[name], task))
            found[name] = task, manifests[name], arrays
    if not found:
        raise UserError(f"{folder} holds no finished sample; run python -m eval run with --out {folder} first")
    return found
