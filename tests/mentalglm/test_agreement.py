"""Equal to statsmodels, the krippendorff package, scikit-learn and published examples; defined where those are not."""

import math
import time
import warnings
from typing import Any

import krippendorff
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import fleiss_kappa as statsmodels_fleiss

from mentalglm.agreement import cohen_kappa, fleiss_kappa, icc, krippendorff_alpha, masi_distance, set_alpha

# Fleiss 1971 as in Wikipedia's worked example: 10 subjects, 14 raters, kappa .210.
FLEISS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip
# Krippendorff 2011, "Computing Krippendorff's alpha-reliability", example C: 12 units, four observers, gaps.
_ = math.nan
KRIPPENDORFF = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _], [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
    [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _], [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
]  # fmt: skip
# Shrout and Fleiss 1979, table 2: 6 targets, 4 judges.
SHROUT = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]

QUICK: dict[str, Any] = {"resamples": 20}
pairs = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40)


def same(ours: float, theirs: float) -> None:
    assert ours == pytest.approx(theirs, abs=1e-9, nan_ok=True)


@given(pairs, st.sampled_from([None, "linear", "quadratic"]))
def test_cohen_equals_scikit_learn(rows: list[tuple[int, int]], weights: Any) -> None:
    a, b = zip(*rows, strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = cohen_kappa_score(a, b, weights=weights, labels=range(4))
    same(cohen_kappa(a, b, weights, order=range(4), **QUICK).value, theirs)


def test_cohens_worked_example() -> None:
    """50 proposals, 20 both yes, 15 both no, 5 and 10 apart: kappa .40."""
    a = ["yes"] * 25 + ["no"] * 25
    b = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    found = cohen_kappa(a, b)
    same(found.value, 0.4)
    # The large-sample standard error is .129: the percentile interval is close to .40 ± 1.96 · .129.
    assert found.low == pytest.approx(0.147, abs=0.04) and found.high == pytest.approx(0.653, abs=0.04)
    assert found.n == 50


def test_cohen_leaves_out_what_one_rater_left_out() -> None:
    assert cohen_kappa(["x", None, "y", "y"], ["x", "y", None, "x"]).n == 2


def test_weights_need_an_order() -> None:
    with pytest.raises(ValueError, match="order"):
        cohen_kappa(["low", "high"], ["low", "low"], "quadratic")
    with pytest.raises(ValueError, match="not in order: mid"):
        cohen_kappa(["mid"], ["low"], order=["low", "high"])
    ranked = cohen_kappa(["low", "mid", "high"], ["low", "mid", "mid"], "linear", order=["low", "mid", "high"])
    same(ranked.value, cohen_kappa([0, 1, 2], [0, 1, 1], "linear").value)


def test_fleiss_published_example() -> None:
    found = fleiss_kappa(FLEISS)
    assert found.value == pytest.approx(0.210, abs=5e-4)
    assert found.low < found.value < found.high


@given(st.lists(st.lists(st.integers(0, 2), min_size=4, max_size=4), min_size=2, max_size=20))
def test_fleiss_equals_statsmodels(rows: list[list[int]]) -> None:
    counts = np.stack([np.bincount(row, minlength=3) for row in rows])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = statsmodels_fleiss(counts)
    same(fleiss_kappa(counts, **QUICK).value, theirs)


@pytest.mark.parametrize("counts", [[[1, 0]], [[2, 0], [1, 2]], [[2, 0], [0, 0]]])
def test_fleiss_needs_the_same_number_of_raters(counts: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="same number of raters"):
        fleiss_kappa(counts)


@pytest.mark.parametrize(("level", "value"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_published_example(level: Any, value: float) -> None:
    found = krippendorff_alpha(np.transpose(KRIPPENDORFF), level)
    assert found.value == pytest.approx(value, abs=5e-4)
    assert found.low < found.value < found.high
    assert found.n == 11  # one unit has a single observer


@given(
    st.lists(
        st.lists(st.sampled_from([0.0, 1.0, 2.0, 5.0, math.nan]), min_size=3, max_size=3), min_size=2, max_size=20
    ),
    st.sampled_from(["nominal", "ordinal", "interval"]),
)
def test_alpha_equals_the_krippendorff_package(rows: list[list[float]], level: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            theirs = krippendorff.alpha(np.transpose(rows), level_of_measurement=level)
        except ValueError:  # nothing to compare, or one value only
            theirs = math.nan
    same(krippendorff_alpha(rows, level, **QUICK).value, theirs)


def test_set_alpha_of_single_labels_is_nominal_alpha() -> None:
    codes = np.array([[0, 0], [1, 1], [0, 1], [2, 2], [2, 0]])
    sets = [[{int(code)} for code in row] for row in codes]
    same(set_alpha(sets).value, krippendorff_alpha(codes).value)


def test_set_alpha_equals_the_package_with_masi_as_its_metric() -> None:
    random = np.random.default_rng(3)
    domain = [set(), {"a"}, {"b"}, {"a", "b"}, {"a", "b", "c"}]
    codes = random.integers(len(domain), size=(40, 3)).astype(float)
    codes[random.random(codes.shape) < 0.2] = math.nan

    def masi(v1: Any, v2: Any, **_: Any) -> Any:
        return np.vectorize(lambda x, y: masi_distance(domain[int(x)], domain[int(y)]))(v1, v2)

    ratings = [[None if math.isnan(code) else domain[int(code)] for code in row] for row in codes]
    same(set_alpha(ratings).value, krippendorff.alpha(codes.T, level_of_measurement=masi))


def test_masi_published_values() -> None:
    """Passonneau 2006: equal 0, subset 1 − J·2/3, overlap 1 − J·1/3, disjoint 1."""
    same(masi_distance({"a", "b"}, {"a", "b"}), 0)
    same(masi_distance(set(), set()), 0)
    same(masi_distance({"a"}, {"a", "b"}), 2 / 3)
    same(masi_distance({"a", "b"}, {"b", "c"}), 1 - 1 / 9)
    same(masi_distance({"a"}, set()), 1)


@pytest.mark.parametrize(("kind", "value"), [("A,1", 0.29), ("C,1", 0.71), ("A,k", 0.62), ("C,k", 0.91)])
def test_icc_published_example(kind: Any, value: float) -> None:
    found = icc(SHROUT, kind)
    assert found.value == pytest.approx(value, abs=5e-3)
    assert found.low <= found.value <= found.high
    assert found.n == 6


def test_icc_from_mean_squares_by_hand() -> None:
    """Shrout and Fleiss 1979, table 3: MSR 11.24, MSC 32.49, MSE 1.02."""
    same(round(icc(SHROUT, "A,1").value, 3), round((11.2417 - 1.0194) / (11.2417 + 3 * 1.0194 + 4 / 6 * 31.4667), 3))


def test_a_rater_who_is_stricter_throughout_is_consistent_and_does_not_agree() -> None:
    ratings = [[score, score + 1.0] for score in range(8)]
    same(icc(ratings, "C,1").value, 1)
    assert icc(ratings, "A,1").value < 1


def test_icc_leaves_out_items_with_gaps_and_names_an_unknown_kind() -> None:
    assert icc([*SHROUT, [1, 2, math.nan, 3]]).n == 6
    with pytest.raises(ValueError, match="kind '2,1'"):
        icc(SHROUT, "2,1")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "found",
    [
        cohen_kappa([], []),
        cohen_kappa(["x", "x"], ["x", "x"]),
        fleiss_kappa([]),
        fleiss_kappa([[3, 0], [3, 0]]),
        krippendorff_alpha([]),
        krippendorff_alpha([[1, math.nan], [math.nan, 2]]),
        krippendorff_alpha([[1, 1], [1, 1]], "ordinal"),
        set_alpha([]),
        set_alpha([[set(), set()], [set(), set()]]),
        icc([]),
        icc([[1, 2]]),
        icc([[0.1, 0.1], [0.1, 0.1], [0.1, 0.1]]),
    ],
)
def test_what_the_data_cannot_define_is_nan(found: Any) -> None:
    assert math.isnan(found.value) and math.isnan(found.low) and math.isnan(found.high)


def test_one_item_has_no_interval() -> None:
    found = cohen_kappa(["x"], ["y"])
    assert found.value == 0 and math.isnan(found.low)


def test_perfect_agreement_has_a_perfect_interval() -> None:
    found = krippendorff_alpha([[0, 0], [1, 1]] * 30)
    assert (found.value, found.low, found.high) == (1, 1, 1)


def test_intervals_are_seeded() -> None:
    assert fleiss_kappa(FLEISS, seed=1) == fleiss_kappa(FLEISS, seed=1)
    assert fleiss_kappa(FLEISS, seed=1).low != fleiss_kappa(FLEISS, seed=2).low


def test_intervals_cover_the_truth() -> None:
    """Two raters who copy a coin with probability .7 have kappa .49; 95 % intervals should miss it in about 5 %."""
    random, hits = np.random.default_rng(0), 0
    for seed in range(60):
        coin = random.integers(2, size=150)
        a, b = (np.where(random.random(150) < 0.7, coin, random.integers(2, size=150)) for _ in range(2))
        found = cohen_kappa(a.tolist(), b.tolist(), resamples=300, seed=seed)
        hits += found.low <= 0.49 <= found.high
    assert hits >= 52


def test_five_thousand_items_take_a_second_or_two() -> None:
    random = np.random.default_rng(0)
    sets = [[frozenset(random.choice(12, size=2).tolist()) for _ in range(2)] for _ in range(5000)]
    began = time.perf_counter()
    set_alpha(sets)
    assert time.perf_counter() - began < 20


def test_rows_about_one_post_are_resampled_together() -> None:
    """Every row three times over in a group of its own tells no more than once: the same statistic, the same ends."""
    codes = np.random.default_rng(0).integers(0, 4, size=(40, 2)).astype(float)
    thrice, groups = np.repeat(codes, 3, axis=0), np.repeat(np.arange(40), 3)

    def counts(table: Any) -> Any:
        return np.stack([(table == score).sum(axis=1) for score in range(4)], axis=1)

    def kappa(table: Any, groups: Any = None) -> Any:
        return cohen_kappa(*table.astype(int).T.tolist(), groups=groups)

    for once, again, alone in [
        (kappa(codes), kappa(thrice, groups), kappa(thrice)),
        (fleiss_kappa(counts(codes)), fleiss_kappa(counts(thrice), groups=groups), fleiss_kappa(counts(thrice))),
    ]:
        assert (again.low, again.high) == pytest.approx((once.low, once.high))
        assert alone.high - alone.low < 0.7 * (once.high - once.low)
    for statistic in (icc, krippendorff_alpha):
        once, again, alone = statistic(codes), statistic(thrice, groups=groups), statistic(thrice)
        assert again.high - again.low == pytest.approx(once.high - once.low, rel=0.1)
        assert alone.high - alone.low < 0.7 * (once.high - once.low)
    codes[0, 1] = np.nan  # a row that is left out takes its group's name along
    assert not math.isnan(icc(codes, groups=np.arange(40)).low)
    assert not math.isnan(krippendorff_alpha(codes, groups=np.arange(40)).low)
