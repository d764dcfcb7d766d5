"""BCa ends equal scipy's from the same draws."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from mentalglm.metrics import bca_ends, percentile_ends


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_bca_equals_scipy_from_the_same_draws(level: float) -> None:
    data = np.random.default_rng(3).exponential(size=40)
    theirs = bootstrap((data,), np.mean, n_resamples=999, method="BCa", confidence_level=level, rng=1)
    left_out = np.array([np.delete(data, i).mean() for i in range(len(data))])[:, None]
    draws = theirs.bootstrap_distribution[:, None]
    ours = bca_ends(draws, np.array([data.mean()]), left_out, level)
    assert ours[:, 0].tolist() == pytest.approx(list(theirs.confidence_interval), abs=1e-12)
    # Skewed data move both ends up.
    assert (ours[:, 0] > percentile_ends(draws, level)[:, 0]).all()


def test_where_it_is_undefined() -> None:
    draws = np.column_stack([np.ones(50), np.ones(50), np.full(50, np.nan), np.arange(50.0)])
    left_out = np.column_stack([np.ones(5), np.ones(5), np.ones(5), np.full(5, np.nan)])
    ends = bca_ends(draws, np.array([1.0, 2.0, np.nan, 20.0]), left_out)
    assert ends[:, 0].tolist() == [1.0, 1.0]  # no spread at all: the point itself
    assert np.isnan(ends[:, 1:]).all()  # all draws on one side, no value, nothing left
