"""Calibration error and selective risk on numpy arrays, weighted or not."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def calibration_error(p: Floats, right: Flags, weights: Floats | None = None, bins: int = 10) -> float:
    """Expected calibration error (Guo et al. 2017, arXiv:1706.04599, equation 3), in bins of equally many answers.

    Args:
        p: (N,), the probability of being right.
        right: (N,), whether it was.
        weights: (N,), what each counts; all the same by default.
        bins: How many.
    """
    weights = np.ones(len(p)) if weights is None else weights
    gaps = [
        abs(float(((p[places] - right[places]) * weights[places]).sum()))
        for places in np.array_split(np.argsort(p, kind="stable"), bins)
    ]
    return sum(gaps) / float(weights.sum())


def selective_risk(
    sure: Floats, right: Flags, weights: Floats | None = None, shares: Sequence[float] = (1.0, 0.75, 0.5)
) -> dict[float, float]:
    """The risk-coverage curve (El-Yaniv and Wiener 2010): of the surest answers up to a share, how many are wrong.

    Args:
        sure: (N,), how sure each answer is.
        right: (N,), whether it was right.
        weights: (N,), what each counts; all the same by default.
        shares: Where the curve is read.
    """
    weights = np.ones(len(sure)) if weights is None else weights
    order = np.argsort(-sure, kind="stable")
    reached = np.cumsum(weights[order])
    wrong = np.cumsum((weights * ~right)[order])
    ends = {share: min(int(np.searchsorted(reached, (share - 1e-9) * reached[-1])), len(order) - 1) for share in shares}
    return {share: float(wrong[end] / reached[end]) for share, end in ends.items()}
