"""Equal to scikit-learn where every answer was read; strict and defined where not."""

import time
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from mentalglm import metrics
from mentalglm.agreement import cohen_kappa
from mentalglm.metrics import UNPARSED

CLASSES = 4
codes = st.lists(st.tuples(st.integers(0, CLASSES - 1), st.integers(0, CLASSES - 1)), min_size=1, max_size=40)


def same(ours: float, theirs: float) -> None:
    assert ours == pytest.approx(theirs, nan_ok=True)


@given(codes)
def test_codes_equal_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    gold, predicted = np.array(pairs).T
    counts = metrics.count_codes(gold, predicted, CLASSES)
    undefined = {"labels": list(range(CLASSES)), "zero_division": np.nan}
    np.testing.assert_allclose(metrics.f1(counts), sk.f1_score(gold, predicted, average=None, **undefined))
    np.testing.assert_allclose(
        metrics.precision(counts), sk.precision_score(gold, predicted, average=None, **undefined)
    )
    np.testing.assert_allclose(metrics.recall(counts), sk.recall_score(gold, predicted, average=None, **undefined))
    same(metrics.macro_f1(counts), sk.f1_score(gold, predicted, average="macro"))
    same(metrics.weighted_f1(counts), sk.f1_score(gold, predicted, average="weighted"))
    same(metrics.micro_f1(counts), sk.f1_score(gold, predicted, average="micro"))
    same(metrics.accuracy(gold, predicted), sk.accuracy_score(gold, predicted))
    same(metrics.mean_absolute_error(gold, predicted, CLASSES), sk.mean_absolute_error(gold, predicted))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = sk.cohen_kappa_score(gold, predicted, weights="quadratic", labels=range(CLASSES))
    same(metrics.quadratic_kappa(gold, predicted, CLASSES), theirs)


@given(st.integers(1, 30), st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_label_sets_equal_scikit_learn(rows: int, labels: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    gold, predicted = (random.random((rows, labels)) < 0.4 for _ in range(2))
    parsed = np.ones(rows, bool)
    counts = metrics.count(gold, predicted, parsed)
    options = {"zero_division": np.nan}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same(metrics.micro_f1(counts), sk.f1_score(gold, predicted, average="micro", **options))
        same(metrics.macro_f1(counts), sk.f1_score(gold, predicted, average="macro", **options))
    same(metrics.sample_f1(gold, predicted, parsed), sk.f1_score(gold, predicted, average="samples", zero_division=1))
    same(metrics.exact_match(gold, predicted, parsed), (gold == predicted).all(1).mean())


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=50))
def test_auroc_equals_scikit_learn(pairs: list[tuple[bool, int]]) -> None:
    gold, score = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs], float)
    if gold.all() or not gold.any():
        assert np.isnan(metrics.auroc(gold, score))
    else:
        same(metrics.auroc(gold, score), sk.roc_auc_score(gold, score))


@given(codes, st.data())
def test_a_parse_failure_is_wrong_for_every_class(pairs: list[tuple[int, int]], data: st.DataObject) -> None:
    """Whatever the answer was, no score rises when it becomes unreadable, and none treats it as a negative."""
    gold, predicted = np.array(pairs).T
    row = data.draw(st.integers(0, len(gold) - 1))
    broken = predicted.copy()
    broken[row] = UNPARSED
    before, after = (metrics.count_codes(gold, answer, CLASSES) for answer in (predicted, broken))
    assert (after.tp <= before.tp).all() and (after.tn <= before.tn).all()
    assert (after.fp >= before.fp).all() and (after.fn >= before.fn).all()
    assert after.fn[gold[row]] + sum(np.delete(after.fp, gold[row])) >= CLASSES
    for score in (metrics.f1, metrics.recall, metrics.specificity):
        old, new = score(before), score(after)
        assert (np.isnan(old) | (new <= old)).all()
    assert metrics.accuracy(gold, broken) <= metrics.accuracy(gold, predicted)
    levels = (gold, broken, CLASSES), (gold, predicted, CLASSES)
    assert metrics.mean_absolute_error(*levels[0]) >= metrics.mean_absolute_error(*levels[1])


def test_the_binary_protocol_by_hand() -> None:
    gold = np.array([1, 1, 1, 0, 0, 0, 0, 1])
    predicted = np.array([1, 0, UNPARSED, 0, 0, 1, UNPARSED, 1])
    counts = metrics.count_codes(gold, predicted, 2)
    positive = [float(part[1]) for part in counts]
    assert positive == [2, 2, 2, 2]  # TP, FP with one unread negative, FN with one unread positive, TN
    assert metrics.recall(counts)[1] == metrics.specificity(counts)[1] == metrics.f1(counts)[1] == 0.5


def test_an_unread_row_without_gold_labels_still_costs() -> None:
    gold, predicted = np.array([[True, False], [False, False]]), np.array([[True, False], [False, False]])
    read, unread = np.array([True, True]), np.array([True, False])
    assert metrics.micro_f1(metrics.count(gold, predicted, read)) == 1.0
    assert metrics.micro_f1(metrics.count(gold, predicted, unread)) == 0.5
    assert metrics.sample_f1(gold, predicted, unread) == metrics.exact_match(gold, predicted, unread) == 0.5


def test_an_unread_level_counts_as_the_farthest_one() -> None:
    assert metrics.farthest([0, 4, 5, 10, 3], [UNPARSED, UNPARSED, UNPARSED, UNPARSED, 2], 11).tolist() == [
        10,
        10,
        0,
        0,
        2,
    ]
    assert metrics.mean_absolute_error([2, 2], [2, UNPARSED], 11) == 4.0


@given(codes)
def test_kappa_is_one_formula_for_levels_and_for_raters(pairs: list[tuple[int, int]]) -> None:
    gold, predicted = (list(side) for side in zip(*pairs, strict=True))
    between_raters = cohen_kappa(gold, predicted, "quadratic", order=range(CLASSES), resamples=2).value
    same(float(metrics.quadratic_kappa(gold, predicted, CLASSES)), between_raters)


def test_an_unread_row_loses_every_pairing() -> None:
    assert metrics.auroc([True, False], [np.nan, 0.1]) == 0.0
    assert metrics.auroc([True, False], [0.9, np.nan]) == 0.0
    assert metrics.auroc([True, False], [0.9, 0.1]) == 1.0


def test_nothing_to_judge_is_nan_not_a_number() -> None:
    counts = metrics.count_codes([0, 0], [0, 0], 3)
    assert metrics.f1(counts).tolist()[0] == 1.0
    assert np.isnan(metrics.f1(counts)[1:]).all()
    assert metrics.macro_f1(counts) == 1.0  # classes that neither occur nor are predicted do not count
    empty = metrics.count(np.zeros((0, 2), bool), np.zeros((0, 2), bool))
    assert all(np.isnan(score(empty)) for score in (metrics.macro_f1, metrics.micro_f1, metrics.weighted_f1))
    assert np.isnan(metrics.quadratic_kappa([1, 1], [1, 1], 3))


def test_the_bootstrap_keeps_groups_whole() -> None:
    groups = np.repeat(np.arange(20), 10)
    values = np.repeat(np.random.default_rng(1).random(20), 10)
    alone = np.diff(metrics.bootstrap_interval(np.mean, values))[0]
    together = np.diff(metrics.bootstrap_interval(np.mean, values, groups=groups))[0]
    assert together > 2 * alone  # ten copies of one value are one piece of evidence

    def whole_groups(drawn: np.ndarray) -> float:
        assert (np.unique(drawn, return_counts=True)[1] % 10 == 0).all()
        return 0.0

    metrics.bootstrap_interval(whole_groups, groups, groups=groups, n=20)


def test_the_bootstrap_is_seeded_and_covers_the_truth() -> None:
    random = np.random.default_rng(5)
    assert (
        metrics.bootstrap_interval(np.mean, np.arange(50)) == metrics.bootstrap_interval(np.mean, np.arange(50))
    ).all()
    hits = 0
    for seed in range(100):
        low, high = metrics.bootstrap_interval(np.mean, random.normal(size=60), n=300, seed=seed)
        hits += low <= 0.0 <= high
    assert 88 <= hits <= 99


def test_the_bootstrap_takes_vectors_and_leaves_undefined_resamples_out() -> None:
    ends = metrics.bootstrap_interval(lambda x: np.array([x.mean(), np.nan]), np.arange(9.0), n=50)
    assert ends.shape == (2, 2)
    assert ends[0, 0] < 4 < ends[1, 0]
    assert np.isnan(ends[:, 1]).all()
    assert np.isnan(metrics.bootstrap_interval(np.mean, np.arange(5.0), groups=np.zeros(5))).all()


def test_a_thousand_resamples_of_two_thousand_rows_take_less_than_two_seconds() -> None:
    random = np.random.default_rng(0)
    gold, predicted = (random.random((2000, 12)) < 0.2 for _ in range(2))
    start = time.process_time()
    metrics.bootstrap_interval(lambda g, p: metrics.micro_f1(metrics.count(g, p)), gold, predicted)
    assert time.process_time() - start < 2.0
