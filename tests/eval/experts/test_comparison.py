"""Wilcoxon's test, paired differences and the mixed model, against scipy, statsmodels and hand-worked cases."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, wilcoxon
from statsmodels.regression.mixed_linear_model import MixedLM

from eval.experts.comparison import mean_of, paired_differences, row_means, signed_rank
from eval.experts.mixed_model import fit

NAN = np.nan


def own(count: int) -> np.ndarray:
    return np.arange(count)


def test_wilcoxon_of_five_pairs_by_hand() -> None:
    """Ranks 1 to 5, one of them (2) negative: W+ = 13, W− = 2; of 32 sign patterns 3 have W− ≤ 2, hence p = 6/32."""
    found = signed_rank(np.array([1, -2, 3, 4, 5.0]), own(5))
    assert found == {"n": 5, "equal": 0, "effect": pytest.approx(11 / 15, abs=1e-5), "p": pytest.approx(6 / 32)}


def test_zeros_are_ranked_and_then_dropped() -> None:
    """Pratt: two zeros take ranks 1 and 2 (1.5 each), what differs keeps 3 to 5."""
    found = signed_rank(np.array([0, 0, 1, 2, -3.0]), own(5))
    assert found["equal"] == 2 and found["effect"] == pytest.approx((3 + 4 - 5) / 12, abs=1e-5)
    assert found["p"] == pytest.approx(wilcoxon([0, 0, 1, 2, -3], zero_method="pratt").pvalue, abs=1e-5)


def test_equal_to_scipy_with_ties() -> None:
    differences = np.random.default_rng(3).integers(-2, 4, 60) / 2
    found = signed_rank(differences, own(60))
    assert found["p"] == pytest.approx(wilcoxon(differences, zero_method="pratt").pvalue, abs=1e-5)


def test_posts_of_one_author_count_once() -> None:
    each = np.array([1, -2, 3, 4, 5.0])
    groups = np.repeat(own(5), 3)
    assert signed_rank(np.repeat(each, 3), groups) == signed_rank(each, own(5))


def test_degenerate_tests() -> None:
    assert signed_rank(np.zeros(4), own(4)) == {"n": 4, "equal": 4, "effect": 0.0, "p": 1.0}
    assert signed_rank(np.array([1.0]), own(1))["p"] is None
    assert signed_rank(np.array([NAN, NAN]), own(2)) == {"n": 0, "equal": 0, "effect": None, "p": None}
    thirds = np.array([1 / 3 + 1 / 3 - 1 / 3, -1 / 3])  # not equal as floats
    assert signed_rank(thirds, own(2))["effect"] == 0


def test_means_and_differences() -> None:
    scores = np.array([[3, 1], [2, NAN], [NAN, NAN], [1, 1], [0, 3], [2, 2]], float)
    assert row_means(scores) == pytest.approx([2, 2, NAN, 1, 1.5, 2], nan_ok=True)
    first, second = np.array([0, 1, 2]), np.array([3, 4, 5])
    # The second rater said nothing of row 1, so only the first's −2 counts there.
    assert paired_differences(scores, first, second) == pytest.approx([-1, -2, NAN], nan_ok=True)
    assert mean_of(row_means(scores), own(6))["n"] == 5


def test_an_interval_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(1.5, 1, 400)
    found = mean_of(values, own(400), least=True)
    error = values.std(ddof=1) / 20
    assert found["low"] == pytest.approx(values.mean() - 1.96 * error, abs=0.02)
    assert found["detectable"] == pytest.approx((norm.ppf(0.975) + norm.ppf(0.8)) * error, rel=0.1)
    twice = mean_of(np.repeat(values, 2), np.repeat(own(400), 2))
    assert (twice["low"], twice["high"]) == pytest.approx((found["low"], found["high"]))  # no new information
    assert mean_of(np.array([2.0]), own(1)) == {"value": 2, "low": None, "high": None, "n": 1}
    nothing = mean_of(np.array([NAN]), own(1), least=True)
    assert nothing == {"value": None, "low": None, "high": None, "n": 0, "detectable": None}


def table(items: int, raters: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores of three sources, 0, .3 and .8 apart, by posts and raters who differ."""
    draw = np.random.default_rng(seed)
    post, rater = draw.normal(0, 0.6, items), draw.normal(0, 0.4, raters)
    sources = np.tile(["a", "b", "c"], items)
    places = np.repeat(np.arange(items), 3)
    added = np.array([{"a": 0, "b": 0.3, "c": 0.8}[name] for name in sources])
    noise = draw.normal(0, 0.5, (3 * items, raters))
    return 1.5 + added[:, None] + post[places][:, None] + rater + noise, sources, places.astype(str)


def test_the_mixed_model_of_a_full_table_is_the_analysis_of_variance() -> None:
    """Balanced: differences are those of means, and their error is the residual's, sqrt(2 MSE / (posts · raters))."""
    scores, sources, items = table(30, 4)
    found = fit(scores, sources, items, [("a", "b"), ("b", "c")])
    whole = scores.reshape(30, 3, 4)
    means = whole.mean(axis=(0, 2))
    effects = [whole.mean(axis=axes, keepdims=True) for axes in ((1, 2), (0, 2), (0, 1))]
    residual = whole - sum(effects) + 2 * whole.mean()
    mse = (residual**2).sum() / (whole.size - 1 - 29 - 2 - 3)
    assert found["sd"]["residual"] == pytest.approx(mse**0.5, rel=1e-3)
    # Of a full table each variance has a closed form too: (mean square of posts − MSE) / (sources · raters).
    posts = 12 * whole.mean(axis=(1, 2)).var(ddof=1)
    assert found["sd"]["item"] == pytest.approx(((posts - mse) / 12) ** 0.5, rel=0.02)
    contrast = found["contrasts"]["b / c"]
    error = (2 * mse / 120) ** 0.5
    assert contrast["value"] == pytest.approx(means[2] - means[1], abs=1e-4)
    assert (contrast["high"] - contrast["low"]) / 2 == pytest.approx(1.96 * error, rel=5e-3)
    assert contrast["p"] == pytest.approx(2 * norm.sf(abs(contrast["value"]) / error), rel=0.05)
    assert found["notes"] == [] and found["n"] == 360


def test_the_mixed_model_with_gaps_is_statsmodels_own() -> None:
    scores, sources, items = table(25, 3, seed=2)
    scores[np.random.default_rng(1).random(scores.shape) < 0.3] = NAN
    found = fit(scores, sources, items, [("a", "c")])
    rows, raters = np.nonzero(~np.isnan(scores))
    data = pd.DataFrame({"y": scores[rows, raters], "s": sources[rows], "i": items[rows], "r": raters})
    formulas = {"i": "0 + C(i)", "r": "0 + C(r)"}
    theirs = MixedLM.from_formula(
        "y ~ C(s)", data, groups=np.ones(len(data)), vc_formula=formulas, re_formula="0"
    ).fit()
    assert found["contrasts"]["a / c"]["value"] == pytest.approx(theirs.fe_params["C(s)[T.c]"], abs=1e-6)
    assert found["contrasts"]["a / c"]["p"] == pytest.approx(theirs.pvalues["C(s)[T.c]"], abs=1e-6)
    assert [found["sd"]["item"], found["sd"]["rater"]] == pytest.approx(np.sqrt(theirs.vcomp).tolist(), abs=1e-5)


def test_a_mixed_model_that_cannot_be_fitted_says_why() -> None:
    scores, sources, items = table(10, 2)
    assert fit(scores[sources == "a"], sources[sources == "a"], items[sources == "a"], [])["notes"] == ["one_source"]
    assert fit(np.full_like(scores, 2), sources, items, [("a", "b")])["notes"] == ["all_equal"]
    alone = fit(scores[:, :1], sources, items, [("a", "b")])
    assert alone["notes"][0] == "one_rater" and alone["contrasts"]["a / b"]["p"] is not None
    assert "rater" not in alone["sd"]
    assert "two_raters" in fit(scores, sources, items, [("a", "b")])["notes"]
    one_post = fit(scores[:3, :1], sources[:3], items[:3], [("a", "b")])
    assert one_post["notes"] == ["one_item", "one_rater", "not_fitted"] and one_post["contrasts"] == {}
    exact = fit(np.array([[0, 0], [1, 1], [1, 1], [2, 2]], float), np.array(list("abab")), np.array(list("0011")), [])
    assert "not_fitted" in exact["notes"]  # no residual is left
    nothing = fit(np.full((4, 2), NAN), np.array(list("abab")), np.array(list("0011")), [])
    assert nothing == {"contrasts": {}, "sd": None, "n": 0, "notes": ["one_source"]}
