"""Scores a run folder from its stored answers alone, an interval beside every number."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from eval.arrays import Arrays
from eval.explanations.blocks import counts, not_measured
from eval.explanations.model_scores import judges_of
from eval.folder import SCORES, read_json, read_manifest, samples_hash, write_json
from eval.intervals import LEVEL, RESAMPLES, SEED, grouped, intervals
from eval.measure import Key, headline, measure, measure_rows, shown
from eval.samples import task_arrays
from eval.sums import Floats, confidence, events, positives, shared_edges, to_sums
from mentalglm import metrics
from mentalglm.tasks import Task

# An abstention curve and a reading curve have no more points than this.
_POINTS = 101


def score_folder(folder: Path) -> dict[str, Any]:
    """Computes and writes ``scores.json``.

    Returns:
        The scores of the run's task, or under ``tasks`` those of every task of a suite. ``metrics`` and ``per_class``
        hold ``{"value", "low", "high", "bca": [low, high]}`` with None for what is undefined; ``parse_rate`` stands
        beside them; ``answered_only`` repeats the values over the rows with an answer, where some have none.
        ``explanations`` is as ``metrics``, ``template`` the same of the constant template; ``n_explained`` rows hold an
        explanation, ``n_referred`` a reference; ``not_measured`` has, by block of measures, what it lacked (a key of
        :data:`eval.explanations.wording.LACKING`); ``explanation_models`` are the models that judged.

    Raises:
        UserError: The folder is not a run's, or holds no finished sample.
    """
    made = {name: score_task(arrays, task, manifest) for name, (task, manifest, arrays) in task_arrays(folder).items()}
    hash = samples_hash(folder)
    common = {"explanation_models": judges_of(folder), "samples_sha256": hash}
    own = {"tasks": made} if "tasks" in read_manifest(folder) else next(iter(made.values()))
    scores = {**own, **common}
    write_json(folder / SCORES, scores)
    return scores


def scores_of(folder: Path) -> dict[str, Any]:
    """The stored scores of a run, computed first where they are missing or belong to other answers."""
    read_manifest(folder)
    stored = read_json(folder / SCORES) if (folder / SCORES).exists() else {}
    return stored if stored.get("samples_sha256") == samples_hash(folder) else score_folder(folder)


def task_scores(scores: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By task, the scores of a run of one task or of a suite."""
    tasks: dict[str, dict[str, Any]] = scores["tasks"] if "tasks" in scores else {scores["task"]: scores}
    return tasks


def score_task(arrays: Arrays, task: Task, manifest: dict[str, Any]) -> dict[str, Any]:
    """The scores of one task; see :func:`score_folder`."""
    scored = with_intervals(arrays, task)
    named = {name: score for (group, name), score in scored.items() if group == "metrics"}
    return {
        "task": task.name,
        "kind": task.kind,
        "model": manifest["model"]["name"],
        "n": len(arrays),
        "n_expected": manifest["data"]["rows"],
        "groups": len(np.unique(arrays.groups)),
        "parse_rate": named.pop("parse_rate"),
        "abstained": int(arrays.abstained.sum()),
        "headline": headline(task, shown(scored), manifest),
        "metrics": named,
        **_explanations(arrays, scored, task),
        "per_class": _per_class(arrays, task, scored),
        "answered_only": _answered_only(arrays, task),
        "confusion": None if task.many else _confusion(arrays),
        "screening": _screening(scored),
        "reading": [
            {"share": float(name), "recall": score} for (group, name), score in scored.items() if group == "reading"
        ],
        "curves": _curves(arrays, task),
        "bootstrap": {"resamples": RESAMPLES, "seed": SEED, "level": LEVEL, "clustered_by": "group"},
    }


def with_intervals(arrays: Arrays, task: Task) -> dict[Key, dict[str, Any]]:
    """Every measure with its intervals."""
    values = measure_rows(arrays, task)
    sums = to_sums(arrays, task, shared_edges([arrays], task))

    def formula(totals: Floats) -> Floats:
        return np.stack(list(measure(sums.read(totals), task).values()), axis=1)

    found = intervals(grouped(sums.matrix, arrays.groups), formula, np.array(list(values.values())))
    return {
        key: {
            "value": number(value),
            "low": number(found.low[i]),
            "high": number(found.high[i]),
            "bca": [number(found.bca_low[i]), number(found.bca_high[i])],
        }
        for i, (key, value) in enumerate(values.items())
    }


def format_interval(score: dict[str, Any]) -> str:
    """``0.812 [0.750, 0.871]``, or a dash for what is undefined."""
    if score["value"] is None:
        return "–"
    if score["low"] is None or score["high"] is None:
        return f"{score['value']:.3f}"
    return f"{score['value']:.3f} [{score['low']:.3f}, {score['high']:.3f}]"


def number(value: float) -> float | None:
    """A number for JSON: six digits, None for ``nan``."""
    return None if math.isnan(value) else round(float(value), 6)


def _explanations(arrays: Arrays, scored: dict[Key, dict[str, Any]], task: Task) -> dict[str, Any]:
    """What explanations are worth, and what could not be measured with what it lacked."""
    groups = {
        wanted: {name: score for (group, name), score in scored.items() if group == wanted}
        for wanted in ("explanations", "template")
    }
    return {**groups, **counts(arrays.explained), "not_measured": not_measured(arrays.explained, task)}


def _per_class(arrays: Arrays, task: Task, scored: dict[Key, dict[str, Any]]) -> list[dict[str, Any]]:
    counts = metrics.count(arrays.gold, arrays.predicted, arrays.answered)
    precision, recall = metrics.precision(counts), metrics.recall(counts)
    return [
        {
            "label": name,
            "n": int(arrays.gold[:, i].sum()),
            "predicted": int(arrays.predicted[:, i].sum()),
            "precision": number(precision[i]),
            "recall": number(recall[i]),
            "f1": scored["per_class", name],
        }
        for i, name in enumerate(task.label_names)
    ]


def _answered_only(arrays: Arrays, task: Task) -> dict[str, float | None] | None:
    if arrays.answered.all() or not arrays.answered.any():
        return None
    values = measure_rows(arrays.rows(arrays.answered), task)
    return {name: number(x) for (group, name), x in values.items() if group == "metrics" and name != "parse_rate"}


def _confusion(arrays: Arrays) -> list[list[int]]:
    """Rows are gold labels, columns predicted ones, the last column rows without an answer."""
    labels = arrays.gold.shape[1]
    column = np.where(arrays.answered, arrays.predicted.argmax(1), labels)
    cells = np.bincount(arrays.gold.argmax(1) * (labels + 1) + column, minlength=labels * (labels + 1))
    return [[int(n) for n in row] for row in cells.reshape(labels, labels + 1)]


def _screening(scored: dict[Key, dict[str, Any]]) -> list[dict[str, Any]]:
    """Per prevalence, ``ppv``, ``npv``, and ``alarms`` and ``misses`` per 1,000 posts."""
    found: dict[str, dict[str, Any]] = {}
    for (group, name), score in scored.items():
        if group == "screening":
            prevalence, _, what = name.partition(":")
            found.setdefault(prevalence, {"prevalence": float(prevalence)})[what] = score
    return list(found.values())


def _curves(arrays: Arrays, task: Task) -> dict[str, list[list[float | None]]] | None:
    """Points to draw: coverage and risk, probability and frequency and rows per bin, share read and recall."""
    if np.isnan(arrays.chances).all():
        return None
    coverage, risk = metrics.risk_coverage(arrays.right, confidence(arrays, task))
    kept = np.unique(np.linspace(0, len(coverage) - 1, min(_POINTS, len(coverage))).astype(int))
    gold, chances = events(arrays, task)
    bins = metrics.reliability(gold, chances)
    curves = {
        "risk_coverage": [[number(coverage[i]), number(risk[i])] for i in kept],
        "reliability": [[number(p / n), number(k / n), int(n)] for n, p, k in zip(*bins, strict=True) if n],
    }
    if not task.many and positives(task):
        rows, shares = metrics.ranked(gold[:, 0], chances[:, 0]), np.linspace(0, 1, _POINTS)
        curves["reading"] = [[number(x), number(float(metrics.recall_when_reading_of(rows, x)))] for x in shares]
    return curves
