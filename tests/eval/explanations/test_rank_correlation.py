"""Weighted rank correlations against scipy's on rows that are really repeated."""

import numpy as np
import pytest
from scipy import stats

from eval.explanations.rank_correlation import Ranking, kendall, spearman


def test_every_resample_equals_scipy() -> None:
    chance = np.random.default_rng(0)
    first = chance.integers(0, 9, 40) / 3
    second = first + chance.integers(-4, 5, 40) / 3
    drawn = [np.bincount(chance.integers(40, size=40), minlength=40) for _ in range(20)]
    weights = np.stack([np.ones(40), *drawn], axis=1).astype(float)
    one, other = Ranking(first, weights), Ranking(second, weights)
    for place, (rho, tau) in enumerate(zip(spearman(one, other), kendall(one, other), strict=True)):
        rows = np.repeat(np.arange(40), weights[:, place].astype(int))
        assert rho == pytest.approx(stats.spearmanr(first[rows], second[rows]).statistic)
        assert tau == pytest.approx(stats.kendalltau(first[rows], second[rows]).statistic)


def test_what_is_all_alike_has_no_correlation() -> None:
    weights = np.array([[1, 3], [1, 0], [1, 0]], float)  # in the second resample one row alone
    one, same = Ranking(np.array([1.0, 2, 3]), weights), Ranking(np.array([5.0, 5, 5]), weights)
    for correlation in (spearman, kendall):
        assert np.isnan(correlation(one, same)).all()
        assert correlation(one, one)[0] == pytest.approx(1) and np.isnan(correlation(one, one)[1])
