"""Scores a run folder from its stored answers alone, an interval beside every number."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from eval.folder import SCORES, read_json, read_manifest, read_samples, samples_hash, write_json
from eval.measure import Arrays, measure, to_arrays
from mentalglm import metrics
from mentalglm.errors import UserError
from mentalglm.tasks import Task, load_task

RESAMPLES, SEED, LEVEL = 1000, 0, 0.95
_PER_CLASS = "class:"


def score_folder(folder: Path) -> dict[str, Any]:
    """Computes and writes ``scores.json``.

    Returns:
        ``metrics`` and ``per_class`` hold ``{"value", "low", "high"}`` with None for what is undefined; ``parse_rate``
        stands beside them; ``answered_only`` repeats the values over the rows with an answer, where some have none.

    Raises:
        UserError: The folder is not a run's, or holds no finished sample.
    """
    manifest, samples = read_manifest(folder), read_samples(folder)
    if not samples:
        raise UserError(f"{folder} holds no finished sample; run python -m eval run with --out {folder} first")
    task = load_task(manifest["task"])
    if manifest["task_version"] != task.version:
        raise UserError(
            f"{folder} ran version {manifest['task_version']} of {task.name}, now {task.version}; run again"
        )
    arrays = to_arrays(samples, task, with_evidence=not manifest["options"]["labels_only"])
    groups = np.array([sample["group"] for sample in samples])

    values = _all_values(arrays, task)
    low, high = metrics.bootstrap_interval(
        lambda rows: np.array(list(_all_values(arrays.rows(rows), task).values())),
        np.arange(len(samples)),
        groups=groups,
        n=RESAMPLES,
        seed=SEED,
        level=LEVEL,
    )
    with_interval = {
        name: {"value": _number(value), "low": _number(low[i]), "high": _number(high[i])}
        for i, (name, value) in enumerate(values.items())
    }
    scores = {
        "task": task.name,
        "kind": task.kind,
        "model": manifest["model"]["name"],
        "n": len(samples),
        "n_expected": manifest["data"]["rows"],
        "groups": len(set(groups.tolist())),
        "parse_rate": with_interval.pop("parse_rate"),
        "abstained": sum(sample["abstained"] for sample in samples),
        "metrics": {name: value for name, value in with_interval.items() if not name.startswith(_PER_CLASS)},
        "per_class": _per_class(arrays, task, with_interval),
        "answered_only": _answered_only(arrays, task),
        "confusion": None if task.many else _confusion(arrays),
        "samples_sha256": samples_hash(folder),
        "bootstrap": {"resamples": RESAMPLES, "seed": SEED, "level": LEVEL, "clustered_by": "group"},
    }
    write_json(folder / SCORES, scores)
    return scores


def scores_of(folder: Path) -> dict[str, Any]:
    """The stored scores of a run, computed first where they are missing or belong to other answers."""
    read_manifest(folder)
    stored = read_json(folder / SCORES) if (folder / SCORES).exists() else {}
    return stored if stored.get("samples_sha256") == samples_hash(folder) else score_folder(folder)


def summary_lines(scores: dict[str, Any]) -> list[str]:
    """The scores as lines for a terminal."""
    head = f"{scores['model']} on {scores['task']}: n = {scores['n']} in {scores['groups']} groups"
    if scores["n"] < scores["n_expected"]:
        head += f" (unfinished: {scores['n_expected']} expected)"
    rows = {"parse_rate": scores["parse_rate"], **scores["metrics"]}
    return [head, *(f"{name:>28}  {format_interval(value)}" for name, value in rows.items())]


def format_interval(score: dict[str, float | None]) -> str:
    """``0.812 [0.750, 0.871]``, or a dash for what is undefined."""
    if score["value"] is None:
        return "–"
    if score["low"] is None or score["high"] is None:
        return f"{score['value']:.3f}"
    return f"{score['value']:.3f} [{score['low']:.3f}, {score['high']:.3f}]"


def _all_values(arrays: Arrays, task: Task) -> dict[str, float]:
    """Every number that gets an interval, in a fixed order: one resample serves them all."""
    counts = metrics.count(arrays.gold, arrays.predicted, arrays.answered)
    per_class = zip(task.label_names, metrics.f1(counts), strict=True)
    return {
        "parse_rate": float(arrays.parsed.mean()),
        **measure(arrays, task),
        **{_PER_CLASS + name: float(value) for name, value in per_class},
    }


def _per_class(arrays: Arrays, task: Task, intervals: dict[str, Any]) -> list[dict[str, Any]]:
    counts = metrics.count(arrays.gold, arrays.predicted, arrays.answered)
    precision, recall = metrics.precision(counts), metrics.recall(counts)
    return [
        {
            "label": name,
            "n": int(arrays.gold[:, i].sum()),
            "predicted": int(arrays.predicted[:, i].sum()),
            "precision": _number(precision[i]),
            "recall": _number(recall[i]),
            "f1": intervals[_PER_CLASS + name],
        }
        for i, name in enumerate(task.label_names)
    ]


def _answered_only(arrays: Arrays, task: Task) -> dict[str, float | None] | None:
    if arrays.answered.all() or not arrays.answered.any():
        return None
    return {name: _number(value) for name, value in measure(arrays.rows(arrays.answered), task).items()}


def _confusion(arrays: Arrays) -> list[list[int]]:
    """Rows are gold labels, columns predicted ones, the last column rows without an answer."""
    labels = arrays.gold.shape[1]
    column = np.where(arrays.answered, arrays.predicted.argmax(1), labels)
    cells = np.bincount(arrays.gold.argmax(1) * (labels + 1) + column, minlength=labels * (labels + 1))
    return [[int(n) for n in row] for row in cells.reshape(labels, labels + 1)]


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 6)
