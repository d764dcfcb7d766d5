"""How far a workbook's annotators agree: over whole answers and label by label, beyond chance, with intervals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instructions.workbook.answers import TaskAnswers
from mentalglm.agreement import Estimate, cohen_kappa, fleiss_kappa, icc, krippendorff_alpha, set_alpha

Floats = NDArray[np.float64]
# Annotator -> labels of one post.
By = dict[str, list[str]]


@dataclass(frozen=True)
class LabelAgreement:
    """Agreement on whether one label applies.

    Attributes:
        label: The label.
        marked: Annotator -> how often they gave it.
        kappa: Cohen's kappa of two annotators, Fleiss' of more, over the posts that all of them labelled.
        alpha: Krippendorff's alpha, over all posts that at least two of them labelled.
    """

    label: str
    marked: dict[str, int]
    kappa: Estimate
    alpha: Estimate


@dataclass(frozen=True)
class TaskAgreement:
    """Agreement on one task.

    Attributes:
        task: The task's name.
        sheets: The sheets that the posts stand on.
        kind: The task's kind.
        annotators: Everybody's name.
        posts: How many posts there are.
        labelled: Annotator -> how many posts they labelled.
        shared: How many posts at least two of them labelled.
        identical: How many of those everybody gave the same answer.
        decided: How many of the posts they disagree on were decided.
        disputed: How many were not.
        measures: Name -> statistic over whole answers.
        labels: Label by label.
        unread: Why cells could not be read -> how many.
    """

    task: str
    sheets: list[str]
    kind: str
    annotators: list[str]
    posts: int
    labelled: dict[str, int]
    shared: int
    identical: int
    decided: int
    disputed: int
    measures: dict[str, Estimate]
    labels: list[LabelAgreement]
    unread: dict[str, int]


def agreement(answers: TaskAnswers) -> TaskAgreement:
    """Measures how far the annotators of one task agree."""
    people = answers.annotators
    shared = [item.by for item in answers.items if len(item.by) > 1]
    identical = sum(all(labels == next(iter(by.values())) for labels in by.values()) for by in shared)
    disputed = sum(item.disputed for item in answers.items)
    labels = []
    for name in answers.task.label_names if len(people) > 1 else ():
        codes = _codes(shared, people, {tuple(g): float(name in g) for by in shared for g in by.values()})
        marked = {person: sum(name in item.by.get(person, ()) for item in answers.items) for person in people}
        labels.append(LabelAgreement(name, marked, _kappa(codes), krippendorff_alpha(codes)))
    return TaskAgreement(
        task=answers.task.name,
        sheets=list(dict.fromkeys(item.key.rpartition("!")[0] for item in answers.items)),
        kind=answers.task.kind,
        annotators=people,
        posts=len(answers.items),
        labelled={person: sum(person in item.by for item in answers.items) for person in people},
        shared=len(shared),
        identical=identical,
        decided=len(shared) - identical - disputed,
        disputed=disputed,
        measures=_measures(answers, shared) if len(people) > 1 else {},
        labels=labels,
        unread=dict(answers.unread),
    )


def _measures(answers: TaskAnswers, shared: list[By]) -> dict[str, Estimate]:
    """Statistics over whole answers; two label sets are the same answer or not, except under MASI."""
    people, task = answers.annotators, answers.task
    given = sorted({tuple(labels) for by in shared for labels in by.values()})
    if task.kind == "ordinal":
        given = [(name,) for name in task.label_names]
    codes = _codes(shared, people, {labels: float(place) for place, labels in enumerate(given)})
    measures = {"kappa": _kappa(codes)}
    if task.many:
        sets = [[frozenset(by[person]) if person in by else None for person in people] for by in shared]
        return measures | {"alpha (MASI)": set_alpha(sets)}
    if task.kind != "ordinal":
        return measures | {"alpha (nominal)": krippendorff_alpha(codes)}
    if len(people) == 2:
        measures["kappa, quadratic weights"] = cohen_kappa(*_pair(codes), "quadratic", order=range(len(given)))
    return measures | {"alpha (ordinal)": krippendorff_alpha(codes, "ordinal"), "ICC(A,1)": icc(codes, "A,1")}


def _kappa(codes: Floats) -> Estimate:
    if codes.shape[1] == 2:
        return cohen_kappa(*_pair(codes))
    codes = codes[~np.isnan(codes).any(1)]
    values = np.unique(codes)
    return fleiss_kappa(np.stack([(codes == value).sum(1) for value in values], axis=1) if len(codes) else [])


def _codes(shared: list[By], people: list[str], code: dict[tuple[str, ...], float]) -> Floats:
    """Shape ``(posts, annotators)``; ``nan`` where somebody did not label a post."""
    rows = [[code[tuple(by[person])] if person in by else np.nan for person in people] for by in shared]
    return np.array(rows, float).reshape(len(rows), len(people))


def _pair(codes: Floats) -> tuple[list[int | None], list[int | None]]:
    a, b = ([None if np.isnan(code) else int(code) for code in column] for column in codes.T)
    return a, b
