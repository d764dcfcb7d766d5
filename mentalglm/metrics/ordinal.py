"""Scores of levels on a scale, from the table of gold against predicted levels."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mentalglm.metrics.labels import UNPARSED
from mentalglm.metrics.sums import Floats, ratio

Weights = Literal["linear", "quadratic"] | None


def farthest(gold: ArrayLike, predicted: ArrayLike, levels: int) -> NDArray[np.int64]:
    """The predictions with every ``UNPARSED`` replaced by the level farthest from its gold level."""
    gold, predicted = np.asarray(gold, int), np.asarray(predicted, int)
    return np.where(predicted == UNPARSED, np.where(2 * gold < levels - 1, levels - 1, 0), predicted)


def level_table(gold: ArrayLike, predicted: ArrayLike, levels: int) -> Floats:
    """How often each pair of levels occurs, shape ``(levels, levels)``, gold first; ``UNPARSED`` is the farthest."""
    cells = np.asarray(gold, int) * levels + farthest(gold, predicted, levels)
    return np.bincount(cells, minlength=levels**2).reshape(levels, levels).astype(float)


def penalties(levels: int, weights: Weights) -> Floats:
    """What each pair of levels costs, shape ``(levels, levels)``: 0 or 1, the distance, or the distance squared."""
    distance = np.abs(np.subtract.outer(np.arange(levels), np.arange(levels))).astype(float)
    return (distance > 0).astype(float) if weights is None else distance if weights == "linear" else distance**2


def kappa_of(table: Floats, penalty: Floats) -> Floats:
    """Cohen's weighted kappa (Cohen 1968): 1 minus the observed over the chance penalty.

    Args:
        table: Counts of pairs, shape ``(…, levels, levels)``.
        penalty: What each pair costs, shape ``(levels, levels)``.

    Returns:
        Shape ``(…)``; ``nan`` where chance alone explains everything: no rows, or one and the same level on both sides.
    """
    total = np.maximum(table.sum((-2, -1)), 1e-12)
    expected = table.sum(-1)[..., :, None] * table.sum(-2)[..., None, :] / total[..., None, None]
    return 1.0 - ratio((penalty * table).sum((-2, -1)), (penalty * expected).sum((-2, -1)))


def mean_absolute_error_of(table: Floats) -> Floats:
    """The mean distance in levels, from a table of shape ``(…, levels, levels)``."""
    return ratio((penalties(table.shape[-1], "linear") * table).sum((-2, -1)), table.sum((-2, -1)))


def mean_absolute_error(gold: ArrayLike, predicted: ArrayLike, levels: int) -> Floats:
    """The mean distance in levels; an unreadable answer counts as the farthest level."""
    return mean_absolute_error_of(level_table(gold, predicted, levels))


def quadratic_kappa(gold: ArrayLike, predicted: ArrayLike, levels: int) -> Floats:
    """Cohen's kappa with quadratic weights; an unreadable answer counts as the farthest level."""
    return kappa_of(level_table(gold, predicted, levels), penalties(levels, "quadratic"))
