"""Intervals by resampling whole groups."""

import warnings
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mentalglm.metrics.sums import Floats


def bootstrap_interval(
    metric: Callable[..., float | Floats],
    *arrays: NDArray[Any],
    groups: ArrayLike | None = None,
    n: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Floats:
    """A percentile interval of any metric by resampling whole groups with replacement (Efron 1979; cluster bootstrap).

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
    return percentile_ends(np.stack(values), level)


def percentile_ends(draws: Floats, level: float = 0.95) -> Floats:
    """The middle ``level`` of the draws along the first axis, shape ``(2, …)``; undefined draws are left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all draws undefined: nan is the answer
        ends: Floats = np.nanpercentile(draws, [50 - 50 * level, 50 + 50 * level], axis=0)
    return ends


def bca_ends(draws: Floats, value: Floats, left_out: Floats, level: float = 0.95) -> Floats:
    """Bias-corrected and accelerated interval (Efron 1987): the percentiles are moved where the draws are skewed.

    Args:
        draws: The bootstrap's values, shape ``(draws, metrics)``.
        value: The metrics of all rows, shape ``(metrics,)``.
        left_out: The metrics with each group left out in turn, shape ``(groups, metrics)``.
        level: The interval's coverage.

    Returns:
        Low and high end, shape ``(2, metrics)``; ``nan`` where a metric is undefined or all draws lie on one side.
    """
    ends = np.full((2, len(value)), np.nan)
    for i, point in enumerate(value):
        drawn, left = (values[~np.isnan(values[:, i]), i] for values in (draws, left_out))
        below = ((drawn < point).sum() + (drawn <= point).sum()) / 2 / max(len(drawn), 1)
        if np.isnan(point) or not 0 < below < 1 or not len(left):
            continue
        influence = left.mean() - left
        spread = (influence**2).sum() ** 1.5
        skew = (influence**3).sum() / spread / 6 if spread > 1e-30 else 0.0
        bias = _NORMAL.inv_cdf(below)
        for end, share in enumerate((0.5 - level / 2, 0.5 + level / 2)):
            moved = bias + _NORMAL.inv_cdf(share)
            ends[end, i] = np.percentile(drawn, 100 * _NORMAL.cdf(bias + moved / (1 - skew * moved)))
    return ends


_NORMAL = NormalDist()
