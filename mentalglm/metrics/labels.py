"""Precision, recall and F1 from counts per class, and scores of whole label sets."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mentalglm.metrics.sums import Floats, mean_of_defined, ratio

UNPARSED = -1


class Counts(NamedTuple):
    """Per class: true positives, false positives, false negatives, true negatives; each of shape ``(…, classes)``."""

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
    return ratio(counts.tp, counts.tp + counts.fp)


def recall(counts: Counts) -> Floats:
    """Sensitivity, TP / P, per class."""
    return ratio(counts.tp, counts.tp + counts.fn)


def specificity(counts: Counts) -> Floats:
    """TN / N per class."""
    return ratio(counts.tn, counts.tn + counts.fp)


def f1(counts: Counts) -> Floats:
    """2 TP / (2 TP + FP + FN) per class; ``nan`` for a class that neither occurs nor is predicted."""
    return ratio(2 * counts.tp, 2 * counts.tp + counts.fp + counts.fn)


def macro_f1(counts: Counts) -> Floats:
    """The mean F1 of the classes that occur or are predicted."""
    return mean_of_defined(f1(counts))


def weighted_f1(counts: Counts) -> Floats:
    """The mean F1 of the classes that occur, weighted by how often."""
    support = counts.tp + counts.fn
    return ratio(np.nansum(f1(counts) * support, axis=-1), support.sum(-1))


def micro_f1(counts: Counts) -> Floats:
    """F1 over all cells of all classes pooled."""
    return ratio(2 * counts.tp.sum(-1), (2 * counts.tp + counts.fp + counts.fn).sum(-1))


def accuracy(gold: ArrayLike, predicted: ArrayLike) -> Floats:
    """The share of codes that are right; ``UNPARSED`` never is."""
    return mean_of_defined((np.asarray(gold) == np.asarray(predicted)).astype(float))


def sample_f1_rows(gold: ArrayLike, predicted: ArrayLike, parsed: ArrayLike) -> Floats:
    """Per row the F1 between its label sets; two empty sets agree (1), an unreadable answer is 0."""
    gold, predicted = np.asarray(gold, bool), np.asarray(predicted, bool)
    sizes = gold.sum(1) + predicted.sum(1)
    both = 2.0 * (gold & predicted).sum(1)
    rows: Floats = np.where(sizes == 0, 1.0, both / np.maximum(sizes, 1)) * np.asarray(parsed, bool)
    return rows


def sample_f1(gold: ArrayLike, predicted: ArrayLike, parsed: ArrayLike) -> Floats:
    """The mean of :func:`sample_f1_rows`."""
    return mean_of_defined(sample_f1_rows(gold, predicted, parsed))


def exact_match(gold: ArrayLike, predicted: ArrayLike, parsed: ArrayLike) -> Floats:
    """The share of rows whose label set is exactly right."""
    right = (np.asarray(gold, bool) == np.asarray(predicted, bool)).all(1)
    return mean_of_defined((right & np.asarray(parsed, bool)).astype(float))
