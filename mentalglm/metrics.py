"""Scores on numpy arrays, with one rule for answers that could not be read: **they are wrong for every class**.

Of each class, a row is a positive or a negative. ``sensitivity = TP/P`` and ``specificity = TN/N``; a false negative is
a positive not predicted positive, a false positive is a negative *not predicted negative* (the protocol of Kalinich et
al., doi 10.64898/2026.01.02.25343289). An unreadable answer is neither prediction, so it errs on both sides and never
helps a score. Where every answer was read, all values equal scikit-learn's. A score without any case to judge (no
positive, no prediction) is ``nan``, never 0 or 1.

Single-label and ordinal classes are integer codes ``0 … K-1``; ``UNPARSED`` stands for an unreadable answer.
Multi-label answers are boolean arrays of shape ``(rows, labels)`` with ``parsed``, a boolean per row.
"""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

UNPARSED = -1
Floats = NDArray[np.float64]


class Counts(NamedTuple):
    """Per class: true positives, false positives, false negatives, true negatives; each of shape ``(classes,)``."""

    tp: Floats
    fp: Floats
    fn: Floats
    tn: Floats


def count(gold: ArrayLike, predicted: ArrayLike, parsed: ArrayLike | None = None) -> Counts:
    """Counts of every class from boolean arrays of shape ``(rows, classes)``, or ``(rows,)`` for one class.

    Args:
        gold: Whether the row belongs to the class.
        predicted: Whether the answer says so.
        parsed: Whether the row's answer could be read, shape ``(rows,)``; all of them by default.
    """
    gold, predicted = np.asarray(gold, bool), np.asarray(predicted, bool)
    if gold.ndim == 1:
        gold, predicted = gold[:, None], predicted[:, None]
    read = np.ones((len(gold), 1), bool) if parsed is None else np.asarray(parsed, bool)[:, None]
    tp = (gold & predicted & read).sum(0).astype(float)
    tn = (~gold & ~predicted & read).sum(0).astype(float)
    positives = gold.sum(0)
    return Counts(tp, len(gold) - positives - tn, positives - tp, tn)


def one_hot(codes: ArrayLike, classes: int) -> NDArray[np.bool_]:
    """Integer codes of shape ``(rows,)`` as booleans of shape ``(rows, classes)``; ``UNPARSED`` is a row of False."""
    hot: NDArray[np.bool_] = np.asarray(codes)[:, None] == np.arange(classes)
    return hot


def count_codes(gold: ArrayLike, predicted: ArrayLike, classes: int) -> Counts:
    """Counts of every class, one against the rest, from integer codes."""
    return count(one_hot(gold, classes), one_hot(predicted, classes), np.asarray(predicted) != UNPARSED)


def precision(counts: Counts) -> Floats:
    """TP / (TP + FP) per class."""
    return _ratio(counts.tp, counts.tp + counts.fp)


def recall(counts: Counts) -> Floats:
    """Sensitivity, TP / P, per class."""
    return _ratio(counts.tp, counts.tp + counts.fn)


def specificity(counts: Counts) -> Floats:
    """TN / N per class."""
    return _ratio(counts.tn, counts.tn + counts.fp)


def f1(counts: Counts) -> Floats:
    """2 TP / (2 TP + FP + FN) per class; ``nan`` for a class that neither occurs nor is predicted."""
    return _ratio(2 * counts.tp, 2 * counts.tp + counts.fp + counts.fn)


def macro_f1(counts: Counts) -> float:
    """The mean F1 of the classes that occur or are predicted."""
    return _mean(f1(counts))


def weighted_f1(counts: Counts) -> float:
    """The mean F1 of the classes that occur, weighted by how often."""
    support = counts.tp + counts.fn
    return _scalar(np.nansum(f1(counts) * support), support.sum())


def micro_f1(counts: Counts) -> float:
    """F1 over all cells of all classes pooled."""
    return _scalar(2 * counts.tp.sum(), (2 * counts.tp + counts.fp + counts.fn).sum())


def accuracy(gold: ArrayLike, predicted: ArrayLike) -> float:
    """The share of codes that are right; ``UNPARSED`` never is."""
    return _mean((np.asarray(gold) == np.asarray(predicted)).astype(float))


def sample_f1(gold: ArrayLike, predicted: ArrayLike, parsed: ArrayLike) -> float:
    """The mean over rows of the F1 between label sets; two empty sets agree (1), an unreadable answer is 0."""
    gold, predicted = np.asarray(gold, bool), np.asarray(predicted, bool)
    sizes = gold.sum(1) + predicted.sum(1)
    both = 2.0 * (gold & predicted).sum(1)
    return _mean(np.where(sizes == 0, 1.0, both / np.maximum(sizes, 1)) * np.asarray(parsed, bool))


def exact_match(gold: ArrayLike, predicted: ArrayLike, parsed: ArrayLike) -> float:
    """The share of rows whose label set is exactly right."""
    right = (np.asarray(gold, bool) == np.asarray(predicted, bool)).all(1)
    return _mean((right & np.asarray(parsed, bool)).astype(float))


def farthest(gold: ArrayLike, predicted: ArrayLike, levels: int) -> NDArray[np.int64]:
    """The predictions with every ``UNPARSED`` replaced by the level farthest from its gold level."""
    gold, predicted = np.asarray(gold, int), np.asarray(predicted, int)
    return np.where(predicted == UNPARSED, np.where(2 * gold < levels - 1, levels - 1, 0), predicted)


def mean_absolute_error(gold: ArrayLike, predicted: ArrayLike, levels: int) -> float:
    """The mean distance in levels; an unreadable answer counts as the farthest level."""
    return _mean(np.abs(np.asarray(gold, int) - farthest(gold, predicted, levels)).astype(float))


def quadratic_kappa(gold: ArrayLike, predicted: ArrayLike, levels: int) -> float:
    """Cohen's kappa with quadratic weights; an unreadable answer counts as the farthest level.

    ``nan`` where chance alone explains everything: no rows, or one and the same level on both sides.
    """
    gold, answers = np.asarray(gold, int), farthest(gold, predicted, levels)
    observed = np.bincount(gold * levels + answers, minlength=levels**2).reshape(levels, levels).astype(float)
    weights = np.subtract.outer(np.arange(levels), np.arange(levels)) ** 2.0
    expected = np.outer(observed.sum(1), observed.sum(0)) / max(len(gold), 1)
    return 1.0 - _scalar((weights * observed).sum(), (weights * expected).sum())


def auroc(gold: ArrayLike, score: ArrayLike) -> float:
    """The chance that a positive scores above a negative, ties half (Mann and Whitney 1947).

    Args:
        gold: Whether each row is positive.
        score: The positive class's probability; ``nan`` where there was no readable answer, which loses every pairing.

    Returns:
        The area, or ``nan`` without positives or without negatives.
    """
    gold, score = np.asarray(gold, bool), np.asarray(score, float)
    score = np.where(np.isnan(score), np.where(gold, -np.inf, np.inf), score)
    positives, negatives = score[gold], np.sort(score[~gold])
    if not len(positives) or not len(negatives):
        return float("nan")
    below = np.searchsorted(negatives, positives, "left")
    not_above = np.searchsorted(negatives, positives, "right")
    return float((below + not_above).sum() / 2 / len(positives) / len(negatives))


def bootstrap_interval(
    metric: Callable[..., float | Floats],
    *arrays: NDArray[Any],
    groups: ArrayLike | None = None,
    n: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Floats:
    """A percentile interval by resampling whole groups with replacement (Efron 1979; cluster bootstrap).

    Args:
        metric: Takes the resampled arrays, returns a number or a vector of shape ``(metrics,)``.
        arrays: Arrays with one entry per row.
        groups: What belongs together, one per row; every row alone by default.
        n: How many resamples.
        seed: The generator's seed.
        level: The interval's coverage.

    Returns:
        Low and high end, shape ``(2,)`` or ``(2, metrics)``; ``nan`` with fewer than two groups, and for a metric that
        is undefined in every resample. Resamples in which it is undefined are left out.
    """
    rows = len(arrays[0])
    names = np.arange(rows) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    sizes = np.bincount(names, minlength=1)
    order, starts = np.argsort(names, kind="stable"), np.cumsum(sizes) - sizes
    if len(sizes) < 2:
        return np.full((2, *np.shape(metric(*arrays))), np.nan)
    generator = np.random.default_rng(seed)
    values: list[Floats] = []
    for _ in range(n):
        drawn = generator.integers(len(sizes), size=len(sizes))
        size = sizes[drawn]
        offsets = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
        chosen = order[np.repeat(starts[drawn], size) + offsets]
        values.append(np.asarray(metric(*(array[chosen] for array in arrays)), float))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all resamples undefined: nan is the answer
        ends: Floats = np.nanpercentile(np.stack(values), [50 - 50 * level, 50 + 50 * level], axis=0)
    return ends


def _ratio(part: Floats, whole: Floats) -> Floats:
    ratio: Floats = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)
    return ratio


def _scalar(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else float("nan")


def _mean(values: Floats) -> float:
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float("nan")
