"""Ratios and means of which the undefined ones are ``nan``, never 0 or 1."""

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def ratio(part: ArrayLike, whole: ArrayLike) -> Floats:
    """``part / whole``, cell by cell; ``nan`` where ``whole`` is not positive (rounding leaves a trace of 0)."""
    part, whole = np.broadcast_arrays(np.asarray(part, float), np.asarray(whole, float))
    found: Floats = np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 1e-12)
    return found[()]


def mean_of_defined(values: Floats) -> Floats:
    """The mean over the last axis of what is not ``nan``; ``nan`` where nothing is defined."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # nothing defined: nan is the answer
        found: Floats = np.nanmean(values, axis=-1) if values.shape[-1] else np.full(values.shape[:-1], np.nan)
    return found[()]
