"""The measures of each kind of task, as formulas over sums (:mod:`eval.sums`); every one a number, better or worse.

Each measure has a group and a name: ``metrics`` is what a table shows first, ``per_class`` is F1 by label,
``screening`` is what 1,000 posts bring at a prevalence, ``reading`` is the recall after reading a share of the posts.
"""

from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np

from eval.arrays import Arrays
from eval.explanations.blocks import BLOCKS
from eval.sums import Floats, Sums, block_key, positives, shared_edges, to_sums
from mentalglm import metrics
from mentalglm.metrics import Counts
from mentalglm.metrics.screening import PREVALENCES
from mentalglm.metrics.sums import mean_of_defined, ratio
from mentalglm.tasks import Task

__all__ = ["HEADLINE", "LOWER_IS_BETTER", "headline", "measure", "measure_rows", "positives", "shown"]

Key = tuple[str, str]
Value = TypeVar("Value")
# The one measure that a task is known by, where there is no one class to find.
HEADLINE = {"single": "macro_f1", "ordinal": "quadratic_kappa", "multi": "micro_f1", "spans": "micro_f1"}
LOWER_IS_BETTER = ("mae", "brier", "calibration_error", "area_under_risk")
# What is measured of probabilities: wide sums, which whoever asks for other measures can do without.
OF_PROBABILITIES = ("auroc", "auprc", "brier", "calibration_error", "area_under_risk")
READING = (0.05, 0.1, 0.2, 0.5)


def headline(task: Task, measured: Iterable[str], manifest: dict[str, Any] | None = None) -> str:
    """The measure by which runs of ``task`` are compared unless another is asked for.

    It is the suite's first one that was measured, such as not the evidence's where a model gave labels alone; without a
    suite F1 of the positive class, else what is usual for the task's kind.
    """
    named = [name for name in (manifest or {}).get("metrics", []) if name in set(measured)]
    return named[0] if named else "f1" if task.binary_label else HEADLINE[task.kind]


def measure(sums: dict[str, Floats], task: Task) -> dict[Key, Floats]:
    """Every measure of the task's kind, each of shape ``(draws,)``; ``nan`` where it is undefined.

    Args:
        sums: What :meth:`eval.sums.Sums.read` returned.
        task: The task.
    """
    labels = _counts(sums, "labels")
    named = {**_KINDS[task.kind](sums, labels), **_chances(sums), **_evidence(sums)}
    found: dict[Key, Floats] = {("metrics", "parse_rate"): ratio(sums["parsed"], sums["rows"])}
    found |= {("metrics", name): values for name, values in named.items()}
    for block in BLOCKS:
        if block_key(block) in sums:
            values = block.formula(sums[block_key(block)])
            found |= {(block.group, name): each for name, each in values.items()}
    found |= {("per_class", name): values for name, values in zip(task.label_names, metrics.f1(labels).T, strict=True)}
    if "positive.tp" in sums:
        positive = _counts(sums, "positive")
        sensitivity, specificity = metrics.recall(positive)[:, 0], metrics.specificity(positive)[:, 0]
        for prevalence in PREVALENCES:
            at = metrics.screen(sensitivity, specificity, prevalence)
            found |= {("screening", f"{prevalence}:{name}"): values for name, values in at._asdict().items()}
        if "ranked.0" in sums:
            rows = metrics.Ranked(*np.moveaxis(sums["ranked.0"], 1, 0))
            found |= {("reading", str(x)): metrics.recall_when_reading_of(rows, x) for x in READING}
    return found


def shown(measured: dict[Key, Value]) -> dict[str, Value]:
    """By name what tables of runs show side by side: a task's own measures, then those of its explanations."""
    return {name: value for (group, name), value in measured.items() if group in ("metrics", "explanations")}


def measure_rows(arrays: Arrays, task: Task) -> dict[Key, float]:
    """Every measure of some rows, exactly: scores are ranked as they are, not in bins."""
    sums = to_sums(arrays, task, shared_edges([arrays], task, ranks=None))
    return {key: float(values[0]) for key, values in measure(sums.read(total(sums)), task).items()}


def total(sums: Sums) -> Floats:
    """What all rows add up to, shape ``(1, columns)``."""
    return np.asarray(sums.matrix.sum(axis=0), float).reshape(1, -1)


def _single(sums: dict[str, Floats], labels: Counts) -> dict[str, Floats]:
    return {
        "accuracy": ratio(sums["right"], sums["rows"]),
        **_positive(sums),
        "macro_f1": metrics.macro_f1(labels),
        "micro_f1": metrics.micro_f1(labels),
        "weighted_f1": metrics.weighted_f1(labels),
    }


def _ordinal(sums: dict[str, Floats], labels: Counts) -> dict[str, Floats]:
    levels = sums["levels"]
    return {
        "quadratic_kappa": metrics.kappa_of(levels, metrics.penalties(levels.shape[-1], "quadratic")),
        "mae": metrics.mean_absolute_error_of(levels),
        "accuracy": ratio(sums["right"], sums["rows"]),
        **_positive(sums),
        "macro_f1": metrics.macro_f1(labels),
    }


def _multi(sums: dict[str, Floats], labels: Counts) -> dict[str, Floats]:
    return {
        "micro_f1": metrics.micro_f1(labels),
        "macro_f1": metrics.macro_f1(labels),
        "weighted_f1": metrics.weighted_f1(labels),
        "sample_f1": ratio(sums["sample_f1"], sums["rows"]),
        "exact_match": ratio(sums["right"], sums["rows"]),
    }


def _spans(sums: dict[str, Floats], labels: Counts) -> dict[str, Floats]:
    """A hierarchy: its children (level 2), its parents (level 1), and both pooled."""
    parents = _counts(sums, "parents")
    pooled = Counts(*(np.concatenate(pair, -1) for pair in zip(parents, labels, strict=True)))
    return {
        **_multi(sums, labels),
        "parent_micro_f1": metrics.micro_f1(parents),
        "parent_macro_f1": metrics.macro_f1(parents),
        "pooled_micro_f1": metrics.micro_f1(pooled),
        "pooled_macro_f1": metrics.macro_f1(pooled),
    }


_KINDS = {"single": _single, "ordinal": _ordinal, "multi": _multi, "spans": _spans}


def _positive(sums: dict[str, Floats]) -> dict[str, Floats]:
    if "positive.tp" not in sums:
        return {}
    counts = _counts(sums, "positive")
    named = {"f1": metrics.f1, "precision": metrics.precision, "recall": metrics.recall}
    return {name: score(counts)[:, 0] for name, score in {**named, "specificity": metrics.specificity}.items()}


def _chances(sums: dict[str, Floats]) -> dict[str, Floats]:
    if "answers" not in sums:
        return {}
    rows = [metrics.Ranked(*np.moveaxis(sums[name], 1, 0)) for name in sums if name.startswith("ranked.")]
    bins = metrics.Bins(*np.moveaxis(sums["reliability"], 1, 0))
    return {
        "auroc": mean_of_defined(np.stack([metrics.auroc_of(each) for each in rows], -1)),
        "auprc": mean_of_defined(np.stack([metrics.auprc_of(each) for each in rows], -1)),
        "brier": ratio(sums["squared_error"], sums["rows"]),
        "calibration_error": metrics.calibration_error_of(bins),
        "area_under_risk": metrics.area_under_risk_of(metrics.Ranked(*np.moveaxis(sums["answers"], 1, 0))),
    }


def _evidence(sums: dict[str, Floats]) -> dict[str, Floats]:
    found = {}
    for name in ("evidence", "labelled_evidence"):
        if name in sums:
            right, predicted, gold = np.moveaxis(sums[name], 1, 0)
            counts = Counts(right, predicted - right, gold - right, np.zeros_like(right))
            found[f"{name}_f1"] = metrics.f1(counts)
            found[f"{name}_precision"] = metrics.precision(counts)
            found[f"{name}_recall"] = metrics.recall(counts)
    return found


def _counts(sums: dict[str, Floats], name: str) -> Counts:
    tp, fp, gold = (sums[f"{name}.{part}"] for part in ("tp", "fp", "positives"))
    return Counts(tp, fp, gold - tp, sums["rows"][:, None] - gold - fp)
