"""What a run's manifest says: everything needed to know what was measured, and to measure it again."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from eval.asking import Baselines, Model, Plan
from eval.data import file_hash
from eval.suite import Settings, Suite
from mentalglm.tasks import prompt_hash

_LIBRARIES = ("mentalglm", "torch", "transformers", "peft", "onnxruntime", "llguidance", "scikit-learn", "numpy")


def manifest_of(
    model: Model | Baselines, plans: list[Plan], suite: Suite | None, absent: dict[str, str], batch_size: int
) -> dict[str, Any]:
    """The manifest of a run: of one task flat, of a suite by task.

    Args:
        model: The model.
        plans: The tasks as they are asked, in order.
        suite: The suite; None for a task by itself.
        absent: The suite's tasks that are not asked, with the reason.
        batch_size: Posts per call of the model.
    """
    described = model.describe()
    device = described.pop("device", "cpu")  # where it ran, not what it is: a run may go on elsewhere
    about = {
        "model": {"name": model.name, **described},
        "batch_size": batch_size,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": _versions(),
        "hardware": _hardware(device),
    }
    if suite is None:
        return {**_facts(plans[0]), **about}
    named = {"name": suite.name, "version": suite.version, "sha256": suite.sha256, "title": suite.title.model_dump()}
    tasks = {plan.task.name: _facts(plan) for plan in plans}
    for facts in tasks.values():
        del facts["task"]
    headline = {entry.task: entry.metrics for entry in suite.tasks}
    for name, facts in tasks.items():
        facts["metrics"] = headline[name]
    return {"suite": named, **about, "absent": absent, "tasks": tasks}


def _facts(plan: Plan) -> dict[str, Any]:
    data, settings = plan.data, plan.settings
    shots = None
    if plan.shots is not None:
        ids = [row.id for row in plan.shots.rows]
        shots = {"per_label": plan.shots.per_label, "ids": ids, "sha256": plan.shots.sha256}
    learns = plan.style is None or plan.shots is not None
    train = data.train_path or data.path
    return {
        "task": plan.task.name,
        "task_version": plan.task.version,
        "style": plan.style,
        "prompt_hash": prompt_hash(plan.task, plan.style) if plan.style else None,
        "setting": plan.setting,
        "data": {
            "source": data.source,
            "file": data.path.name,
            "sha256": data.sha256,
            "split": data.split,
            "held_out": data.held_out,
            **({"split_by": data.split_by} if data.split_by else {}),
            "limit": data.limit,
            "text_column": data.columns[0],
            "label_column": data.columns[1],
            "rows": len(data.samples),
            "bad_rows": len(data.bad),
            "train_rows": len(data.train) if learns else None,
            "train_sha256": file_hash(train) if learns else None,
            "licenses": sorted({row.license or "unknown" for row in data.samples}),
        },
        "options": {
            "labels_only": settings.labels_only,
            "generate": settings.generate,
            "store_text": settings.store_text,
            **_probes(settings),
        },
        "shots": shots,
        "seeds": {"limit": data.seed, "held_out": data.seed, "shots": settings.seed},
    }


def _probes(settings: Settings) -> dict[str, Any]:
    """Nothing where nothing is probed, so that manifests of runs without are as they were."""
    drawn = {"probe_samples": settings.probe_samples, "temperature": settings.temperature}
    probes = {"probe": list(settings.probe)} if settings.probe else {}
    return {**probes, **drawn} if "self-consistency" in settings.probe else probes


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _hardware(device: str) -> dict[str, Any]:
    known: dict[str, Any] = {"cpus": os.cpu_count(), "machine": platform.machine(), "device": device}
    if device.startswith("cuda"):
        import torch

        known["gpu"] = torch.cuda.get_device_name(device)
    return known
