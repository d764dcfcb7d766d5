"""Whether probabilities mean what they say."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mentalglm.metrics.sums import Floats, mean_of_defined, ratio

BINS = 15


class Bins(NamedTuple):
    """Per bin of equal width: rows, the sum of their probabilities, the positives; each of shape ``(…, bins)``."""

    rows: Floats
    chances: Floats
    positives: Floats


def surely_wrong(gold: ArrayLike, chance: ArrayLike) -> Floats:
    """Probabilities in which an unreadable answer (``nan``) counts as certain, and wrong."""
    chance = np.asarray(chance, float)
    return np.where(np.isnan(chance), 1.0 - np.asarray(gold, bool), chance)


def reliability(gold: ArrayLike, chance: ArrayLike, bins: int = BINS) -> Bins:
    """Rows sorted into bins of their probability, from 0 up; a row on an edge falls into the upper bin."""
    gold, sure = np.asarray(gold, bool).ravel(), surely_wrong(gold, chance).ravel()
    place = np.clip((sure * bins).astype(int), 0, bins - 1)
    rows, chances, positives = (np.bincount(place, each, bins) for each in (np.ones(len(sure)), sure, gold))
    return Bins(rows.astype(float), chances.astype(float), positives.astype(float))


def calibration_error_of(bins: Bins) -> Floats:
    """The mean distance of probability and frequency over the bins, weighted by rows (Naeini et al. 2015)."""
    return ratio(np.abs(bins.chances - bins.positives).sum(-1), bins.rows.sum(-1))


def calibration_error(gold: ArrayLike, chance: ArrayLike, bins: int = BINS) -> Floats:
    """Expected calibration error; of several labels, all of their cells pooled."""
    return calibration_error_of(reliability(gold, chance, bins))


def brier(gold: ArrayLike, chance: ArrayLike) -> Floats:
    """The mean squared distance of probability and truth (Brier 1950); of several labels, the mean over them too."""
    return mean_of_defined(((surely_wrong(gold, chance) - np.asarray(gold, bool)) ** 2).ravel())
