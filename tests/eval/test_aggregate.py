"""Training seeds: mean and spread, tests over seeds and over posts."""

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from scipy.stats import t, ttest_ind

from eval.aggregate import aggregate_folders, print_aggregate
from mentalglm.errors import UserError
from tests.eval.conftest import write_run
from tests.eval.test_compare import lines


def seeds(folder: Path, name: str, share: float, count: int = 3) -> list[Path]:
    random = np.random.default_rng(len(name))
    made = []
    for seed in range(count):
        right = (random.random(100) < share).tolist()
        made.append(write_run(folder / f"{name}-{seed}", "suicide_risk", lines(right), model=name))
    return made


def test_mean_spread_and_both_intervals(tmp_path: Path) -> None:
    runs = seeds(tmp_path, "small", 0.7)
    score = aggregate_folders(runs)["tasks"]["suicide_risk"]["metrics"]["accuracy"]
    values = np.array(score["values"])
    assert score["mean"] == pytest.approx(values.mean(), abs=1e-6)
    assert score["sd"] == pytest.approx(values.std(ddof=1), abs=1e-6)
    low, high = t.interval(0.95, 2, values.mean(), values.std(ddof=1) / np.sqrt(3))
    assert (score["seeds_low"], score["seeds_high"]) == pytest.approx((low, high), abs=1e-6)
    # 100 posts by 3 seeds, each right on its own: about ± 2 standard errors of 300 answers.
    assert 0.03 < score["high"] - score["low"] < 0.2 and score["low"] < score["mean"] < score["high"]
    assert (runs[0] / "aggregate.json").is_file()


def test_two_models_are_tested_over_seeds_and_over_posts(tmp_path: Path) -> None:
    good, poor = seeds(tmp_path, "good one", 0.9), seeds(tmp_path, "poor", 0.6)
    result = aggregate_folders(good, poor, tested=["accuracy"], permutations=500)
    score = result["tasks"]["suicide_risk"]["metrics"]["accuracy"]
    change = score["difference"]
    assert change["value"] == pytest.approx(score["mean"] - score["against"]["mean"], abs=1e-6)
    welch = ttest_ind(score["values"], score["against"]["values"], equal_var=False).pvalue
    assert change["p_seeds"] == pytest.approx(welch, abs=1e-5)
    assert change["p_items"] == pytest.approx(1 / 501, abs=1e-6)  # no random swap comes near
    assert 0 < change["low"] < change["value"] < change["high"]
    # A normal interval reaches 1.96 errors to each side; what is found 4 times in 5 lies 2.8 errors off.
    assert change["detectable"] == pytest.approx(2.8 / 3.92 * (change["high"] - change["low"]), rel=0.15)
    assert result["tests"] == 2 and change["p_items_holm"] >= change["p_items"]
    assert "p_seeds" not in result["tasks"]["suicide_risk"]["metrics"]["f1"]["difference"]


def test_equal_seeds_have_no_spread_and_no_test(tmp_path: Path) -> None:
    right = [i % 4 > 0 for i in range(60)]
    runs = [write_run(tmp_path / f"r{i}", "suicide_risk", lines(right)) for i in range(4)]
    score = aggregate_folders(runs[:2], runs[2:], permutations=50)["tasks"]["suicide_risk"]["metrics"]["f1"]
    assert score["sd"] == 0.0 and score["difference"]["p_seeds"] is None and score["difference"]["p_items"] == 1.0


def test_what_cannot_be_aggregated(tmp_path: Path) -> None:
    runs = seeds(tmp_path, "small", 0.7, count=2)
    with pytest.raises(UserError, match="a folder per seed"):
        aggregate_folders(runs[:1])
    shorter = write_run(tmp_path / "shorter", "suicide_risk", lines([True] * 50))
    with pytest.raises(UserError, match="50 are shared"):
        aggregate_folders([*runs, shorter])
    assert aggregate_folders([*runs, shorter], common=True)["tasks"]["suicide_risk"]["n"] == 50
    odd = aggregate_folders(runs, [shorter], common=True, permutations=50)["tasks"]["suicide_risk"]["metrics"]["f1"]
    assert odd["difference"]["p_items"] is None and odd["against"]["sd"] is None  # two seeds against one


def test_the_table_speaks_both_languages(tmp_path: Path) -> None:
    console = Console(width=220, record=True, file=io.StringIO())
    print_aggregate(console, aggregate_folders(seeds(tmp_path, "a", 0.8), seeds(tmp_path, "bb", 0.7), permutations=50))
    text = console.export_text()
    assert all(words in text for words in ("均值", "mean ± sd", "over seeds", "种子", " ± "))
