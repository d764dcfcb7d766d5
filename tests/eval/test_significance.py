"""Tests of a difference: equal to scipy and statsmodels, exact where there are few groups, honest under chance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.stats import permutation_test
from statsmodels.stats.contingency_tables import mcnemar

from eval.significance import adjusted, mcnemar_p, permutation_p
from eval.sums import Floats


def rate(totals: Floats) -> Floats:
    return totals[:, :1] / totals[:, 1:]


def sums(right: list[int]) -> csr_matrix:
    return csr_matrix(np.column_stack([right, np.ones(len(right))]).astype(float))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=9))
def test_few_groups_are_exact_as_in_scipy(pairs: list[tuple[int, int]]) -> None:
    first, second = (list(side) for side in zip(*pairs, strict=True))
    ours = permutation_p(sums(first), sums(second), rate)[0]
    theirs = permutation_test(
        (np.array(first), np.array(second)), lambda a, b: np.sum(b) - np.sum(a), permutation_type="samples"
    ).pvalue
    assert ours == pytest.approx(min(theirs, 1.0))


def test_many_groups_are_near_the_exact_mcnemar_test() -> None:
    random = np.random.default_rng(0)
    first, second = (random.random(400) < p for p in (0.6, 0.7))
    p = permutation_p(sums(first.tolist()), sums(second.tolist()), rate, permutations=5000)[0]
    exact = mcnemar_p(int((first & ~second).sum()), int((second & ~first).sum()))
    assert p == pytest.approx(exact, abs=0.01)
    assert p == permutation_p(sums(first.tolist()), sums(second.tolist()), rate, permutations=5000)[0]


def test_under_chance_one_test_in_twenty_is_significant() -> None:
    random = np.random.default_rng(1)
    found = []
    for seed in range(300):
        first, second = (random.random(80) < 0.5 for _ in range(2))
        p = permutation_p(sums(first.tolist()), sums(second.tolist()), rate, permutations=200, seed=seed)
        found.append(p[0] <= 0.05)
    assert np.mean(found) < 0.09


def test_degenerate_differences() -> None:
    assert permutation_p(sums([1, 0]), sums([1, 0]), rate).tolist() == [1.0]  # not one answer differs
    assert permutation_p(sums([1]), sums([0]), rate).tolist() == [1.0]  # one group can be swapped either way
    undefined = csr_matrix(np.zeros((2, 2)))
    with np.errstate(all="ignore"):
        assert np.isnan(permutation_p(undefined, sums([1, 0]), rate)).all()


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_equals_statsmodels(first: int, second: int) -> None:
    theirs = mcnemar([[3, first], [second, 4]], exact=True).pvalue
    assert mcnemar_p(first, second) == pytest.approx(1.0 if np.isnan(theirs) else theirs)


def test_adjusting_by_hand() -> None:
    p = [0.01, None, 0.04, 0.03]
    assert adjusted(p, "bonferroni") == [pytest.approx(0.03), None, pytest.approx(0.12), pytest.approx(0.09)]
    assert adjusted(p, "holm") == [pytest.approx(0.03), None, pytest.approx(0.06), pytest.approx(0.06)]
    assert adjusted([None], "holm") == [None] and adjusted([], "holm") == []
