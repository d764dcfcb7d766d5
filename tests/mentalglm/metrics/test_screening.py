"""Bayes' rule against counting a made-up town."""

import numpy as np
import pytest

from mentalglm.metrics import screen
from mentalglm.metrics.screening import PREVALENCES


def test_a_town_counted_by_hand() -> None:
    """1,000 posts, 20 of them positive; 18 are found, and 98 of the 980 others raise an alarm too."""
    found = screen(0.9, 0.9, 0.02)
    assert (found.alarms, found.misses) == pytest.approx((18 + 98, 2))
    assert found.ppv == pytest.approx(18 / 116) and found.npv == pytest.approx(882 / 884)


@pytest.mark.parametrize("prevalence", PREVALENCES)
def test_at_the_ends(prevalence: float) -> None:
    perfect, silent = screen(1.0, 1.0, prevalence), screen(0.0, 1.0, prevalence)
    assert (perfect.ppv, perfect.npv, perfect.misses) == (1.0, 1.0, 0.0)
    assert np.isnan(silent.ppv) and silent.alarms == 0 and silent.misses == pytest.approx(1000 * prevalence)
    assert np.isnan(screen(1.0, 0.0, prevalence).npv)
    assert np.isnan(screen(np.nan, 0.9, prevalence).ppv)


def test_it_takes_many_at_once() -> None:
    assert screen(np.array([0.5, 1.0]), np.array([1.0, 0.5]), 0.01).ppv.tolist() == pytest.approx([1, 10 / 505])
