"""Brier equals scikit-learn; calibration error by hand; an unreadable answer is certain and wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from mentalglm import metrics

rows = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=60)


@given(rows)
def test_equal_to_scikit_learn(pairs: list[tuple[bool, float]]) -> None:
    gold, chance = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    assert metrics.brier(gold, chance) == pytest.approx(brier_score_loss(gold, chance))
    # scikit-learn puts an edge into the lower bin and we into the upper one, so keep off the edges.
    inside = np.clip(np.floor(chance * 15), 0, 14) / 15 + 1 / 30
    frequency, mean = calibration_curve(gold, inside, n_bins=15)
    bins = metrics.reliability(gold, inside)
    filled = bins.rows > 0
    assert bins.positives[filled] / bins.rows[filled] == pytest.approx(frequency)
    weighted = (np.abs(frequency - mean) * bins.rows[filled]).sum() / len(gold)
    assert metrics.calibration_error(gold, inside) == pytest.approx(weighted)


def test_by_hand() -> None:
    gold, chance = [1, 0, 1, 1], [0.95, 0.95, 0.05, 0.04]
    assert metrics.calibration_error(gold, chance, bins=10) == pytest.approx((abs(1.9 - 1) + abs(0.09 - 2)) / 4)
    assert metrics.brier([1, 0], [1.0, 0.0]) == metrics.calibration_error([1, 0], [1.0, 0.0]) == 0.0


def test_an_unread_answer_is_certain_and_wrong() -> None:
    assert metrics.surely_wrong([True, False], [np.nan, np.nan]).tolist() == [0.0, 1.0]
    assert metrics.brier([1, 0], [np.nan, np.nan]) == metrics.calibration_error([1, 0], [np.nan, np.nan]) == 1.0


def test_nothing_to_judge() -> None:
    assert np.isnan(metrics.brier([], [])) and np.isnan(metrics.calibration_error([], []))
