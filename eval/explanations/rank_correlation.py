"""Rank correlations of many resamples at once: a resample is how often each row was drawn, not a copy of the rows."""

from functools import cached_property

import numpy as np

from mentalglm.metrics.sums import Floats, ratio


class Ranking:
    """One variable, ranked within each resample.

    Attributes:
        values: The variable, shape ``(rows,)``.
        weights: How often each row stands in each resample, shape ``(rows, draws)``.
    """

    def __init__(self, values: Floats, weights: Floats) -> None:
        """Ranks nothing yet; see the attributes."""
        self.values, self.weights = values, weights

    @cached_property
    def centred(self) -> Floats:
        """Ranks, ties at their mean, less the resample's mean rank."""
        below = (self.values[:, None] > self.values) + 0.5 * (self.values[:, None] == self.values)
        ranks = _product(below, self.weights)
        return np.asarray(ranks - ratio((ranks * self.weights).sum(0), self.weights.sum(0)))

    @cached_property
    def spread(self) -> Floats:
        """The ranks' sum of squares, shape ``(draws,)``."""
        return np.asarray((self.centred**2 * self.weights).sum(0))

    @cached_property
    def order(self) -> Floats:
        """1 where the row is above the column, -1 below, 0 for a tie; a row drawn twice is tied with itself."""
        return np.asarray(np.sign(self.values[:, None] - self.values))

    @cached_property
    def untied(self) -> Floats:
        """How many pairs are no ties, shape ``(draws,)``, each counted both ways round."""
        return _pairs(abs(self.order), self.weights)


def spearman(first: Ranking, second: Ranking) -> Floats:
    """Spearman's ρ of each resample, Pearson's r of the ranks; ``nan`` where one side is all alike."""
    together = (first.centred * second.centred * first.weights).sum(0)
    return ratio(together, np.sqrt(first.spread * second.spread))


def kendall(first: Ranking, second: Ranking) -> Floats:
    """Kendall's τ-b of each resample, which takes ties out of both sides; ``nan`` where one side is all alike."""
    return ratio(_pairs(first.order * second.order, first.weights), np.sqrt(first.untied * second.untied))


def _pairs(relation: Floats, weights: Floats) -> Floats:
    """The relation summed over all pairs of a resample."""
    found: Floats = (_product(relation, weights) * weights).sum(0)
    return found


def _product(relation: Floats, weights: Floats) -> Floats:
    """Halves and counts of rows: single precision holds them exactly, and takes half the time."""
    return np.asarray(relation.astype(np.float32) @ weights.astype(np.float32), float)
