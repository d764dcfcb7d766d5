"""Scores of an order: do positives stand above negatives, and right answers above wrong ones?

All of them need only how many positives and negatives share each score, from the highest score down::

    score      .9   .7   .4          positives  [1, 1, 0]
    gold       +    + -  -     ->    negatives  [0, 1, 1]
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mentalglm.metrics.sums import Floats, ratio


class Ranked(NamedTuple):
    """Positives and negatives at each score, the highest score first; each of shape ``(…, scores)``."""

    positives: Floats
    negatives: Floats


def ranked(gold: ArrayLike, score: ArrayLike) -> Ranked:
    """Rows counted by score.

    Args:
        gold: Whether each row is positive.
        score: Its score; ``nan`` where there was no readable answer, which puts a positive below all other rows and a
            negative above them: it loses every pairing.
    """
    gold, score = np.asarray(gold, bool), np.asarray(score, float)
    score = np.where(np.isnan(score), np.where(gold, -np.inf, np.inf), score)
    values, place = np.unique(-score, return_inverse=True)
    positives, negatives = (np.bincount(place[rows], minlength=len(values)) for rows in (gold, ~gold))
    return Ranked(positives.astype(float), negatives.astype(float))


def auroc_of(rows: Ranked) -> Floats:
    """The chance that a positive scores above a negative, ties half (Mann and Whitney 1947)."""
    negatives = rows.negatives.sum(-1)
    below = negatives[..., None] - np.cumsum(rows.negatives, -1) + rows.negatives / 2
    return ratio((rows.positives * below).sum(-1), rows.positives.sum(-1) * negatives)


def auprc_of(rows: Ranked) -> Floats:
    """Average precision: the precision down to each score, weighted by the recall gained there."""
    found = np.cumsum(rows.positives, -1)
    at_score = ratio(found, found + np.cumsum(rows.negatives, -1))
    return ratio(np.nansum(rows.positives * at_score, -1), rows.positives.sum(-1))


def recall_when_reading_of(rows: Ranked, share: float) -> Floats:
    """The share of all positives among the first ``share`` of the rows; ties are read in random order."""
    both = rows.positives + rows.negatives
    budget = share * both.sum(-1, keepdims=True)
    before = np.cumsum(both, -1) - both
    read = np.clip(ratio(budget - before, both), 0.0, 1.0)
    return ratio(np.nansum(rows.positives * read, -1), rows.positives.sum(-1))


def area_under_risk_of(rows: Ranked) -> Floats:
    """The mean error among the answers at least as sure as each answer (AURC; Geifman and El-Yaniv 2017).

    Args:
        rows: Right answers as positives, wrong ones as negatives, the surest first.
    """
    both = rows.positives + rows.negatives
    risk = ratio(np.cumsum(rows.negatives, -1), np.cumsum(both, -1))
    return ratio(np.nansum(both * risk, -1), both.sum(-1))


def auroc(gold: ArrayLike, score: ArrayLike) -> Floats:
    """:func:`auroc_of` rows; ``nan`` without positives or without negatives."""
    return auroc_of(ranked(gold, score))


def auprc(gold: ArrayLike, score: ArrayLike) -> Floats:
    """:func:`auprc_of` rows; ``nan`` without positives."""
    return auprc_of(ranked(gold, score))


def recall_when_reading(gold: ArrayLike, score: ArrayLike, share: float) -> Floats:
    """:func:`recall_when_reading_of` rows; ``nan`` without positives."""
    return recall_when_reading_of(ranked(gold, score), share)


def area_under_risk(right: ArrayLike, confidence: ArrayLike) -> Floats:
    """:func:`area_under_risk_of` answers; where there is no confidence (``-inf``), the answer is given last."""
    return area_under_risk_of(ranked(right, confidence))


def risk_coverage(right: ArrayLike, confidence: ArrayLike) -> tuple[Floats, Floats]:
    """The abstention curve: what share of the rows is answered, and how often these answers are wrong.

    Args:
        right: Whether each answer is right.
        confidence: How sure it is; the least sure are left unanswered first.

    Returns:
        Coverage and risk, one point per distinct confidence, from the surest answers to all rows.
    """
    rows = ranked(right, confidence)
    answered = np.cumsum(rows.positives + rows.negatives)
    return ratio(answered, answered[-1] if len(answered) else 0.0), ratio(np.cumsum(rows.negatives), answered)
