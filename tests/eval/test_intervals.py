"""Intervals over sums: the same law as copying rows, BCa near scipy's, and fast enough for 100,000 samples."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.stats import bootstrap as scipy_bootstrap

from eval.intervals import bootstrap, detectable, grouped, intervals, leave_out
from eval.sums import Floats
from mentalglm.metrics import bootstrap_interval
from mentalglm.tasks import load_task
from tests.eval.conftest import sample, write_run


def mean(totals: Floats) -> Floats:
    """From the totals of a value and of ones, their mean."""
    return totals[:, :1] / totals[:, 1:]


def with_ones(values: Floats) -> csr_matrix:
    return csr_matrix(np.column_stack([values, np.ones(len(values))]))


def test_the_draws_follow_the_law_of_copied_groups() -> None:
    random = np.random.default_rng(0)
    groups = random.integers(0, 40, 200).astype(str)
    values = random.normal(size=200) + groups.astype(int) / 20
    ours = intervals(grouped(with_ones(values), groups), mean, np.array([values.mean()]), resamples=4000)
    theirs = bootstrap_interval(np.mean, values, groups=groups, n=4000, seed=1)
    assert [ours.low[0], ours.high[0]] == pytest.approx(theirs.tolist(), abs=0.02)
    alone = intervals(with_ones(values), mean, np.array([values.mean()]))
    assert ours.high[0] - ours.low[0] > 1.5 * (alone.high[0] - alone.low[0])


def test_bca_is_near_scipys_and_percentile_too() -> None:
    values = np.random.default_rng(1).exponential(size=50)
    ours = intervals(with_ones(values), mean, np.array([values.mean()]), resamples=9999)
    for method, ends in (("BCa", (ours.bca_low, ours.bca_high)), ("percentile", (ours.low, ours.high))):
        theirs = scipy_bootstrap((values,), np.mean, n_resamples=9999, method=method, rng=2).confidence_interval
        assert [end[0] for end in ends] == pytest.approx(list(theirs), abs=0.02)


def test_seeded_and_without_spread_of_one_group() -> None:
    values = np.arange(6.0)
    assert (bootstrap(with_ones(values), mean, seed=3) == bootstrap(with_ones(values), mean, seed=3)).all()
    assert (bootstrap(with_ones(values), mean, seed=3) != bootstrap(with_ones(values), mean, seed=4)).any()
    one = intervals(grouped(with_ones(values), np.zeros(6, str)), mean, np.array([2.5]))
    assert np.isnan([one.low[0], one.high[0], one.bca_low[0], one.bca_high[0]]).all()


def test_leaving_out_groups_one_by_one_or_in_blocks() -> None:
    values = np.arange(5.0)
    assert leave_out(with_ones(values), mean)[:, 0].tolist() == [np.delete(values, i).mean() for i in range(5)]
    assert leave_out(with_ones(np.arange(2000.0)), mean).shape == (500, 1)


def test_a_true_difference_of_the_detectable_size_is_found_four_times_in_five() -> None:
    random = np.random.default_rng(6)
    draws = bootstrap(with_ones(random.normal(size=100)), mean)
    least = detectable(draws)[0]
    assert least == pytest.approx(2.8 / 10, rel=0.2)  # the standard error of 100 unit normals is a tenth
    found = [abs(random.normal(least, 0.1)) > 1.96 * 0.1 for _ in range(2000)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.12)


PROGRAM = """
import sys, time
from pathlib import Path
from eval.score import score_folder
scores = score_folder(Path(sys.argv[1]))
assert scores["n"] == 100_000 and scores["bootstrap"]["resamples"] == 1000
# Not ru_maxrss: that begins with the memory of the process that started this one.
[peak] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
print(time.process_time(), peak.split()[1])
"""


@pytest.mark.slow
def test_a_hundred_thousand_samples_in_less_than_twenty_seconds_and_a_gigabyte(tmp_path: Path) -> None:
    task = load_task("cognitive_distortion")
    random = np.random.default_rng(0)
    folder = write_run(tmp_path / "run", task.name, [])
    with (folder / "samples.jsonl").open("w", encoding="utf-8") as file:
        for i, chances in enumerate(random.random((100_000, len(task.labels))).round(6).tolist()):
            probabilities = dict(zip(task.label_names, chances, strict=True))
            gold = [name for name, p in probabilities.items() if p > 0.5 + 0.4 * (i % 3 - 1)]
            labels = [name for name, p in probabilities.items() if p > 0.7]
            line = sample(gold, labels, probabilities=probabilities, parsed=i % 100 > 0)
            file.write(json.dumps({"id": f"r{i}", "row": i, "group": f"r{i}", **line}, ensure_ascii=False) + "\n")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder)], capture_output=True, check=True, cwd=Path(__file__).parents[2]
    )
    seconds, kilobytes = map(float, done.stdout.split())
    assert seconds < 20 and kilobytes < 2**20
    scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    assert scores["parse_rate"]["value"] == 0.99
    score = scores["metrics"]["micro_f1"]
    assert 0 < score["high"] - score["low"] < 0.01 and score["bca"][0] == pytest.approx(score["low"], abs=1e-3)


def test_draws_that_are_all_alike_tell_no_detectable_difference() -> None:
    assert np.isnan(detectable(np.full((100, 1), 0.3))[0])
