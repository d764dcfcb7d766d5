"""Weights that let the rare labels of a task count as much as the frequent ones."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from mentalglm.answer import parse_answer
from mentalglm.tasks import load_task, task_names


def balanced_weights(rows: Iterable[dict[str, Any]]) -> list[float]:
    """One weight for each row: the inverse frequency of its labels within its task, with a mean of 1 in every task.

    With n(c) the rows of a task that carry label c, a row with the labels C gets w = z · mean(1 / n(c) for c in C),
    where z brings the mean over the task's rows to 1. Of single labels that is scikit-learn's "balanced",
    w = N / (K · n(c)) for N rows and K labels seen. "No label" counts as a label of its own.

    Args:
        rows: Instruction rows; all of a split, since the frequencies are theirs.

    Returns:
        Weights in the order of ``rows``; 1 where the answer does not parse and where the task is unknown.
    """
    read = [(row["task"], labels_of(row)) for row in rows]
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for task, labels in read:
        counts[task].update(_classes(labels))
    raw = [
        None if labels is None else sum(1 / counts[task][c] for c in _classes(labels)) / len(_classes(labels))
        for task, labels in read
    ]
    totals, rows_of = Counter[str](), Counter[str]()
    for (task, _), weight in zip(read, raw, strict=True):
        if weight is not None:
            totals[task] += weight  # type: ignore[assignment]
            rows_of[task] += 1
    return [
        1.0 if weight is None else weight * rows_of[task] / totals[task]
        for (task, _), weight in zip(read, raw, strict=True)
    ]


def labels_of(row: dict[str, Any]) -> tuple[str, ...] | None:
    """The labels that a row's answer teaches, read in whichever style of its task fits; None where none does."""
    if row["task"] not in task_names() or row["messages"][-1]["role"] != "assistant":
        return None
    task = load_task(row["task"])
    parsed = (parse_answer(row["messages"][-1]["content"], task, style) for style in task.styles)
    answer = next((answer for answer in parsed if answer is not None), None)
    return None if answer is None else answer.labels


def _classes(labels: tuple[str, ...] | None) -> tuple[str, ...]:
    return () if labels is None else labels or ("",)
