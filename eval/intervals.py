"""Intervals of scores over sums: whole groups are drawn, and a thousand draws are a few matrix products."""

import warnings
from collections.abc import Callable
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.sums import Floats
from mentalglm.metrics import bca_ends, percentile_ends

RESAMPLES, SEED, LEVEL = 1000, 0, 0.95
# So many numbers are held at a time, whatever the rows and the draws.
_CELLS = 3_000_000
# More groups than this are left out in blocks: the skew is as well known from these.
_LEFT_OUT = 500

Formula = Callable[[Floats], Floats]


class Intervals(NamedTuple):
    """The ends of the intervals of several metrics, each of shape ``(metrics,)``, and the draws they come from."""

    low: Floats
    high: Floats
    bca_low: Floats
    bca_high: Floats
    draws: Floats


def grouped(matrix: Any, groups: NDArray[Any]) -> Any:
    """The rows of one group added: sparse, shape ``(groups, columns)``, in the order of the groups' names."""
    from scipy.sparse import csr_matrix

    names, place = np.unique(groups, return_inverse=True)
    if len(names) == matrix.shape[0]:
        return matrix[np.argsort(place)]
    rows = np.arange(len(place))
    return (csr_matrix((np.ones(len(place)), (place, rows)), shape=(len(names), len(place))) @ matrix).tocsr()


def intervals(
    groups: Any, formula: Formula, value: Floats, *, resamples: int = RESAMPLES, seed: int = SEED, level: float = LEVEL
) -> Intervals:
    """Percentile and BCa intervals by a cluster bootstrap.

    Args:
        groups: Sums of every group, sparse, shape ``(groups, columns)``; see :func:`grouped`.
        formula: Takes totals of shape ``(draws, columns)``, returns metrics of shape ``(draws, metrics)``.
        value: The metrics of all rows, shape ``(metrics,)``.
        resamples: How many draws.
        seed: The generator's seed.
        level: The coverage.

    Returns:
        ``nan`` throughout with fewer than two groups: one group has no spread.
    """
    if groups.shape[0] < 2:
        nothing = np.full(len(value), np.nan)
        return Intervals(nothing, nothing, nothing, nothing, np.empty((0, len(value))))
    draws = bootstrap(groups, formula, resamples=resamples, seed=seed)
    low, high = percentile_ends(draws, level)
    bca_low, bca_high = bca_ends(draws, value, leave_out(groups, formula), level)
    return Intervals(low, high, bca_low, bca_high, draws)


def bootstrap(groups: Any, formula: Formula, *, resamples: int = RESAMPLES, seed: int = SEED) -> Floats:
    """The formula's values over draws of as many groups as there are, with replacement; ``(resamples, metrics)``."""
    generator, count = np.random.default_rng(seed), groups.shape[0]

    def weights(size: int) -> Floats:
        drawn = [np.bincount(generator.integers(count, size=count), minlength=count) for _ in range(size)]
        return np.stack(drawn, axis=1).astype(float)

    return over_weights(groups, formula, weights, resamples)


def over_weights(groups: Any, formula: Formula, weights: Callable[[int], Floats], draws: int) -> Floats:
    """The formula's values over weighted sums of the groups, a few draws at a time.

    Args:
        groups: Sums of every group, sparse, shape ``(groups, columns)``.
        formula: See :func:`intervals`.
        weights: Called with a number of draws, gives the groups' weights, shape ``(groups, draws)``.
        draws: How many draws in all.
    """
    across = groups.T  # by columns: the groups' weights are read once, in their order
    step = int(np.clip(_CELLS // max(groups.shape), 1, draws))
    sizes = [min(step, draws - start) for start in range(0, draws, step)]
    return np.concatenate([formula((across @ weights(size)).T) for size in sizes])


def detectable(draws: Floats, *, power: float = 0.8, level: float = LEVEL) -> Floats:
    """The smallest true difference that would be found with the given power, from a bootstrap's draws of it.

    It is (z of the level + z of the power) standard errors (Cohen 1988), shape ``(metrics,)``; ``nan`` where no two
    draws differ, for these few rows don't tell then how far others would.
    """
    normal = NormalDist()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # nothing defined: nan is the answer
        error = np.nanstd(draws, axis=0, ddof=1) if len(draws) > 1 else np.full(draws.shape[1], np.nan)
    return np.asarray(
        (normal.inv_cdf(0.5 + level / 2) + normal.inv_cdf(power)) * np.where(error > 1e-12, error, np.nan)
    )


def leave_out(groups: Any, formula: Formula) -> Floats:
    """The formula's values with each group left out in turn (or each of 500 blocks of groups)."""
    if groups.shape[0] > _LEFT_OUT:
        groups = grouped(groups, np.arange(groups.shape[0]) % _LEFT_OUT)
    whole = np.asarray(groups.sum(axis=0), float).reshape(1, -1)
    step = max(1, _CELLS // groups.shape[1])
    parts = [formula(whole - groups[i : i + step].toarray()) for i in range(0, groups.shape[0], step)]
    return np.concatenate(parts)
