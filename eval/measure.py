"""The measures of each kind of task, from arrays of gold and predicted labels; every one a number, better or worse."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mentalglm import metrics
from mentalglm.tasks import Task


@dataclass(frozen=True)
class Arrays:
    """A run's samples as arrays, one entry per row.

    Attributes:
        gold: Whether each label holds, shape ``(rows, labels)``.
        predicted: Whether the answer says so, same shape; all False where there is none.
        parsed: Whether the answer could be read, shape ``(rows,)``.
        answered: Whether it also decided: an abstention is no prediction, and so no "negative" either.
        chances: Each label's probability, ``nan`` where there is none, shape ``(rows, labels)``.
        evidence: Characters right, predicted and gold, shape ``(rows, 3)``, ``nan`` where evidence is not judged.
        labelled_evidence: The same, where a character counts only with its label.
    """

    gold: NDArray[np.bool_]
    predicted: NDArray[np.bool_]
    parsed: NDArray[np.bool_]
    answered: NDArray[np.bool_]
    chances: NDArray[np.float64]
    evidence: NDArray[np.float64]
    labelled_evidence: NDArray[np.float64]

    def rows(self, chosen: NDArray[Any]) -> "Arrays":
        """The rows chosen by index or mask."""
        return Arrays(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})


def to_arrays(samples: list[dict[str, Any]], task: Task, with_evidence: bool) -> Arrays:
    """Turns the lines of samples.jsonl into arrays; labels in the task's canonical order."""
    names = task.label_names
    parsed = np.array([sample["parsed"] for sample in samples], bool)
    answered = np.array([_answered(sample, task) for sample in samples], bool)
    chances = [[(sample["probabilities"] or {}).get(name) for name in names] for sample in samples]
    unknown = np.where(answered, 0.0, np.nan)[:, None]
    # Evidence that no row of the file carries was never annotated: an empty list everywhere is not "no evidence".
    judged = with_evidence and any(sample["gold_evidence"] for sample in samples)
    return Arrays(
        gold=_sets([sample["gold"] for sample in samples], names),
        predicted=_sets([sample["labels"] for sample in samples], names) & answered[:, None],
        parsed=parsed,
        answered=answered,
        chances=np.array(chances, float).reshape(len(samples), len(names)) + unknown,
        evidence=np.array([_characters(sample, judged, labelled=False) for sample in samples], float),
        labelled_evidence=np.array([_characters(sample, judged and task.many, True) for sample in samples], float),
    )


def measure(arrays: Arrays, task: Task) -> dict[str, float]:
    """Every measure of the task's kind; ``nan`` where it is undefined."""
    return {**_MEASURES[task.kind](arrays, task), **_evidence(arrays)}


def positives(task: Task) -> list[int]:
    """The labels that form the positive class of the task's binary reading; on a scale, the gravest levels."""
    urgent = task.kind == "ordinal"
    return [i for i, label in enumerate(task.labels) if label.positive or (urgent and label.crisis == "urgent")]


def _single(arrays: Arrays, task: Task) -> dict[str, float]:
    counts = metrics.count(arrays.gold, arrays.predicted, arrays.answered)
    return {
        "accuracy": metrics.accuracy(arrays.gold.argmax(1), _codes(arrays)),
        **_binary(arrays, task),
        "macro_f1": metrics.macro_f1(counts),
        "weighted_f1": metrics.weighted_f1(counts),
    }


def _ordinal(arrays: Arrays, task: Task) -> dict[str, float]:
    gold, predicted, levels = arrays.gold.argmax(1), _codes(arrays), len(task.labels)
    return {
        "quadratic_kappa": metrics.quadratic_kappa(gold, predicted, levels),
        "mae": metrics.mean_absolute_error(gold, predicted, levels),
        "accuracy": metrics.accuracy(gold, predicted),
        **_binary(arrays, task),
    }


def _multi(arrays: Arrays, task: Task) -> dict[str, float]:
    counts = metrics.count(arrays.gold, arrays.predicted, arrays.answered)
    return {
        "micro_f1": metrics.micro_f1(counts),
        "macro_f1": metrics.macro_f1(counts),
        "sample_f1": metrics.sample_f1(arrays.gold, arrays.predicted, arrays.answered),
        "exact_match": metrics.exact_match(arrays.gold, arrays.predicted, arrays.answered),
    }


def _spans(arrays: Arrays, task: Task) -> dict[str, float]:
    parents = [name.split("##")[0] for name in task.label_names]
    columns = [[i for i, parent in enumerate(parents) if parent == name] for name in dict.fromkeys(parents)]
    gold, predicted = (np.stack([x[:, c].any(1) for c in columns], 1) for x in (arrays.gold, arrays.predicted))
    counts = metrics.count(gold, predicted, arrays.answered)
    return {**_multi(arrays, task), "parent_micro_f1": metrics.micro_f1(counts)}


_MEASURES = {"single": _single, "ordinal": _ordinal, "multi": _multi, "spans": _spans}


def _binary(arrays: Arrays, task: Task) -> dict[str, float]:
    columns = positives(task)
    if not columns:
        return {}
    gold = arrays.gold[:, columns].any(1)
    counts = metrics.count(gold, arrays.predicted[:, columns].any(1), arrays.answered)
    values = {
        "f1": float(metrics.f1(counts)[0]),
        "precision": float(metrics.precision(counts)[0]),
        "recall": float(metrics.recall(counts)[0]),
        "specificity": float(metrics.specificity(counts)[0]),
    }
    score = arrays.chances[:, columns].sum(1)
    return values if np.isnan(score).all() else {**values, "auroc": metrics.auroc(gold, score)}


def _evidence(arrays: Arrays) -> dict[str, float]:
    found = {}
    for prefix, characters in (("evidence", arrays.evidence), ("labelled_evidence", arrays.labelled_evidence)):
        if not np.isnan(characters).all():
            right, predicted, gold = np.nansum(characters, axis=0)
            counts = metrics.Counts(*(np.array([x]) for x in (right, predicted - right, gold - right, 0.0)))
            found[f"{prefix}_f1"] = float(metrics.f1(counts)[0])
            found[f"{prefix}_precision"] = float(metrics.precision(counts)[0])
            found[f"{prefix}_recall"] = float(metrics.recall(counts)[0])
    return found


def _codes(arrays: Arrays) -> NDArray[np.int64]:
    return np.where(arrays.answered, arrays.predicted.argmax(1), metrics.UNPARSED)


def _answered(sample: dict[str, Any], task: Task) -> bool:
    return bool(sample["parsed"] and (sample["labels"] or (task.many and not sample["abstained"])))


def _sets(labels: list[list[str]], names: list[str]) -> NDArray[np.bool_]:
    return np.array([[name in row for name in names] for row in labels], bool).reshape(len(labels), len(names))


def _characters(sample: dict[str, Any], judged: bool, labelled: bool) -> tuple[float, float, float]:
    if not judged or sample["gold_evidence"] is None:
        return (float("nan"),) * 3
    gold, predicted = (_marked(sample[key], labelled) for key in ("gold_evidence", "evidence"))
    return len(gold & predicted), len(predicted), len(gold)


def _marked(spans: list[dict[str, Any]], labelled: bool) -> set[tuple[int, str | None]]:
    return {(at, span["label"] if labelled else None) for span in spans for at in range(span["start"], span["end"])}
