"""Scores of an order: equal to scikit-learn, counted by hand where it has none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from mentalglm import metrics

rows = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=1, max_size=40)


@given(rows)
def test_average_precision_equals_scikit_learn(pairs: list[tuple[bool, int]]) -> None:
    gold, score = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs], float)
    if not gold.any():
        assert np.isnan(metrics.auprc(gold, score))
    else:
        assert metrics.auprc(gold, score) == pytest.approx(sk.average_precision_score(gold, score))


@given(rows, st.integers(0, 2**32 - 1))
def test_weighted_counts_equal_copied_rows(pairs: list[tuple[bool, int]], seed: int) -> None:
    """What a bootstrap relies on: weights on counts are the same as copies of rows."""
    gold, score = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs], float)
    copies = np.random.default_rng(seed).integers(0, 3, len(gold))
    weighted = np.stack([np.bincount((-score).astype(int) + 6, copies * side, 7) for side in (gold, ~gold)])
    many = np.stack([weighted, weighted])
    for on_counts, on_rows in (
        (metrics.auroc_of, metrics.auroc),
        (metrics.auprc_of, metrics.auprc),
        (metrics.area_under_risk_of, metrics.area_under_risk),
    ):
        copied = on_rows(np.repeat(gold, copies), np.repeat(score, copies))
        ours = on_counts(metrics.Ranked(many[:, 0], many[:, 1]))
        assert ours.tolist() == pytest.approx([copied, copied], nan_ok=True)


def test_unread_answers_lose_every_pairing() -> None:
    gold = np.array([True, True, False, False])
    assert metrics.auprc(gold, [0.9, np.nan, 0.1, 0.2]) == pytest.approx((1 + 2 / 4) / 2)
    assert metrics.auroc(gold, [0.9, 0.8, 0.1, np.nan]) == 0.5


def test_recall_when_reading_by_hand() -> None:
    gold, score = [1, 0, 1, 0, 0, 0, 0, 0, 0, 1], [0.9, 0.8, 0.7, 0.5, 0.5, 0.5, 0.5, 0.2, 0.1, 0.5]
    assert metrics.recall_when_reading(gold, score, 0.1) == pytest.approx(1 / 3)
    assert metrics.recall_when_reading(gold, score, 0.3) == pytest.approx(2 / 3)
    # Five posts share .5, one of them positive: reading one of them finds a fifth of it on average.
    assert metrics.recall_when_reading(gold, score, 0.4) == pytest.approx((2 + 1 / 5) / 3)
    assert metrics.recall_when_reading(gold, score, 1.0) == 1.0
    assert np.isnan(metrics.recall_when_reading([0, 0], [0.1, 0.2], 0.5))


def test_the_abstention_curve_by_hand() -> None:
    right, sure = [1, 1, 0, 1, 0], [0.9, 0.8, 0.8, 0.6, -np.inf]
    coverage, risk = metrics.risk_coverage(right, sure)
    assert coverage.tolist() == pytest.approx([0.2, 0.6, 0.8, 1.0])
    assert risk.tolist() == pytest.approx([0.0, 1 / 3, 1 / 4, 2 / 5])
    assert metrics.area_under_risk(right, sure) == pytest.approx((0 + 2 / 3 + 1 / 4 + 2 / 5) / 5)
    assert metrics.area_under_risk([1, 1], [0.5, 0.6]) == 0.0
    assert metrics.area_under_risk([0], [0.5]) == 1.0


def test_nothing_to_rank() -> None:
    assert all(np.isnan(score([], [])) for score in (metrics.auroc, metrics.auprc, metrics.area_under_risk))
    assert np.isnan(metrics.auroc([True], [0.5])) and metrics.auprc([True], [0.5]) == 1.0
    assert [part.tolist() for part in metrics.risk_coverage([], [])] == [[], []]
