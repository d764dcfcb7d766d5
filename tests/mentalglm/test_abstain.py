"""Abstention keeps the stated error rate on rows it has not seen, label by label, and never hides what is grave."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from mentalglm.analysis import GRAVITY, crisis_of
from mentalglm.analyzer import Analyzer
from mentalglm.calibrate import calibrate_model
from mentalglm.calibrate.conformal import guaranteed, lower_bound, rows_needed, too_rare
from mentalglm.calibrate.fit import fit
from mentalglm.calibration import Calibration, LabelCalibration, load_calibrations
from mentalglm.cli import app
from mentalglm.decoding.abstain import hold_back, in_play, plausibility
from mentalglm.decoding.labels import decide, label_probabilities
from mentalglm.errors import UserError
from mentalglm.models import EMBEDDED
from mentalglm.tasks import Task, load_task, task_names
from tests.tiny import SENTENCES

RISK, SAFETY, LEVEL = load_task("suicide_risk"), load_task("emotional_safety"), load_task("suicide_level")
CATEGORY, IDEATION = load_task("risk_category"), load_task("suicidal_ideation")


def bands(error_rate: float = 0.1, **labels: tuple[float, float | None]) -> Calibration:
    known = {name: LabelCalibration(possible=low, certain=high) for name, (low, high) in labels.items()}
    return Calibration(error_rate=error_rate, labels=known)


# What is held back.


def test_without_an_error_rate_nothing_is_held_back() -> None:
    open_ = bands(高自杀风险=(0.0, None), 低自杀风险=(0.0, None))
    assert hold_back(["低自杀风险"], [0.5, 0.5], RISK, open_) == ([], RISK.label_names)
    assert hold_back(["低自杀风险"], [0.5, 0.5], RISK, open_.without_bands()) == (["低自杀风险"], [])
    assert hold_back(["低自杀风险"], [0.5, 0.5], RISK, Calibration()) == (["低自杀风险"], [])


@pytest.mark.parametrize(
    ("p", "kept"),
    [(0.9, ["高自杀风险"]), (0.75, []), (0.5, []), (0.3, []), (0.29, ["低自杀风险"]), (0.1, ["低自杀风险"])],
)
def test_two_labels_are_held_back_where_both_are_possible(p: float, kept: list[str]) -> None:
    calibration = bands(高自杀风险=(0.3, None), 低自杀风险=(0.2, None))
    labels, candidates = hold_back(decide([p, 1 - p], RISK, calibration), [p, 1 - p], RISK, calibration)
    assert labels == kept
    assert candidates == ([] if kept else RISK.label_names)


def test_a_decision_that_the_bands_exclude_is_not_made() -> None:
    # The threshold says high, the error rate says low: neither is decided on.
    calibration = bands(高自杀风险=(0.6, None), 低自杀风险=(0.5, None))
    calibration.labels["高自杀风险"].threshold = 0.2
    assert hold_back(decide([0.4, 0.6], RISK, calibration), [0.4, 0.6], RISK, calibration) == ([], RISK.label_names)


def test_a_label_that_nothing_else_contests_is_decided_on_even_below_its_band() -> None:
    calibration = bands(安全=(0.95, None), 临界=(0.95, None), 不安全=(0.95, None))
    assert hold_back(["临界"], [0.2, 0.5, 0.3], SAFETY, calibration) == (["临界"], [])


def test_of_a_scale_the_ends_and_the_middle_are_named() -> None:
    row = [0.02, 0.08, 0.2, 0.3, 0.2, 0.1, 0.06, 0.04, 0.0, 0.0, 0.0]
    calibration = bands(**dict.fromkeys(LEVEL.label_names, (0.05, None)))
    decided = decide(row, LEVEL, calibration)
    assert in_play(decided, row, LEVEL, calibration) == ["1", "2", "3", "4", "5", "6"]
    assert hold_back(decided, row, LEVEL, calibration) == ([], ["1", "3", "6"])
    two = bands(**dict.fromkeys(LEVEL.label_names, (0.45, None)))
    assert in_play(["3"], [0, 0, 0.48, 0.52, 0, 0, 0, 0, 0, 0, 0], LEVEL, two) == ["2", "3"]


def test_a_crisis_value_in_play_brings_its_nearest_level_and_all_between() -> None:
    row = [0.0, 0.0, 0.6, 0.2, 0.03, 0.03, 0.03, 0.03, 0.04, 0.04, 0.0]
    calibration = bands(**dict.fromkeys(LEVEL.label_names, (0.45, None)))
    assert in_play(["2"], row, LEVEL, calibration) == []
    calibration.crises["urgent"] = 0.14
    assert in_play(["2"], row, LEVEL, calibration) == ["2", "3", "4", "5", "6"]
    assert hold_back(["2"], row, LEVEL, calibration) == ([], ["2", "6"])
    calibration.crises["urgent"] = 0.15
    assert in_play(["2"], row, LEVEL, calibration) == []
    assert calibration.without_bands().crises == {}


def test_many_labels_are_held_back_one_by_one() -> None:
    names = CATEGORY.label_names
    calibration = bands(**dict.fromkeys(names, (0.2, 0.7)))
    row = [0.9, 0.7, 0.5, 0.2, 0.1, 0.05]
    labels, candidates = hold_back(decide(row, CATEGORY, calibration), row, CATEGORY, calibration)
    assert labels == names[:1] and candidates == names[1:4]
    # Where no band overlaps, the threshold alone decides.
    crossed = bands(**dict.fromkeys(names, (0.7, 0.2)))
    assert hold_back(decide(row, CATEGORY, crossed), row, CATEGORY, crossed) == (names[:3], [])


def test_three_candidates_are_the_most_probable_with_the_gravest_among_them() -> None:
    names = IDEATION.label_names
    calibration = bands(**dict.fromkeys(names, (0.01, None)))
    row = [0.02] * len(names)
    calm = [k for k, label in enumerate(IDEATION.labels) if label.crisis == "none"]
    row[calm[0]], row[calm[1]], row[calm[2]] = 0.4, 0.3, 0.2
    labels, candidates = hold_back(decide(row, IDEATION, calibration), row, IDEATION, calibration)
    assert labels == [] and len(candidates) == 3
    assert {names[calm[0]], names[calm[1]]} < set(candidates)
    assert crisis_of(IDEATION, candidates) == "urgent"


@settings(max_examples=400, deadline=None, derandomize=True)
@given(name=st.sampled_from(task_names()), data=st.data())
def test_no_abstention_is_milder_than_the_decision_it_holds_back(name: str, data: st.DataObject) -> None:
    task = load_task(name)
    count = len(task.labels)
    numbers = st.lists(st.floats(0, 1), min_size=count, max_size=count)
    scores = data.draw(st.lists(st.floats(-20, 20), min_size=count, max_size=count))
    lows, highs = data.draw(numbers), data.draw(numbers)
    known = dict(zip(task.label_names, zip(lows, highs, strict=True), strict=True))
    calibration = bands(**known)
    row = label_probabilities(torch.tensor([scores]), task, calibration)[0].tolist()
    decided = decide(row, task, calibration)
    labels, candidates = hold_back(decided, row, task, calibration)
    assert GRAVITY[crisis_of(task, labels + candidates)] >= GRAVITY[crisis_of(task, decided)]
    assert not set(labels) & set(candidates) and set(labels) <= set(decided) and len(candidates) <= 3
    assert candidates == [label for label in task.label_names if label in candidates]
    assert bool(candidates) == (labels != decided) or (task.many and set(candidates).isdisjoint(decided))
    if not task.many:
        assert len(labels) + len(candidates) >= 1 and len(candidates) != 1 and not (labels and candidates)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(scores=st.lists(st.floats(-30, 30), min_size=11, max_size=11), bound=st.floats(0, 0.6))
def test_levels_in_play_are_neighbours_around_the_median(scores: list[float], bound: float) -> None:
    row = torch.tensor(scores).softmax(dim=0).tolist()
    middle = LEVEL.label_names.index(decide(row, LEVEL, Calibration())[0])
    values = plausibility(row, LEVEL)
    assert values[middle] == pytest.approx(max(values), abs=1e-6)
    places = [k for k, value in enumerate(values) if value >= min(bound, values[middle])]
    assert places == list(range(places[0], places[-1] + 1)) and middle in places


# The error rate.


def test_a_bound_is_the_kth_smallest() -> None:
    values = torch.arange(1.0, 20.0)  # 19 values: at a rate of 0.1 the second of twenty ranks
    assert lower_bound(values.flip(0), 0.1) == 2.0
    assert lower_bound(values, 0.05) == 1.0 and lower_bound(values, 0.01) == 1.0 and lower_bound(values, 0.5) == 10.0
    assert lower_bound(values[:0], 0.1) == -1.0
    assert [rows_needed(rate) for rate in (0.1, 0.05, 0.2, 0.3)] == [9, 19, 4, 3]


def drawn(task: Task, count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores that know something of the labels, and too sharply; labels rare and frequent."""
    width = len(task.labels)
    scores = torch.randn(count, width, generator=generator) * 1.5
    if task.many:
        gold = torch.bernoulli((scores - 1).sigmoid(), generator=generator)
        return scores * 2 - 5, gold
    if task.kind == "ordinal":
        centre = torch.rand(count, 1, generator=generator) * (width - 1)
        scores = -(torch.arange(width) - centre).square() / 3
    else:
        scores = scores + torch.tensor([-1.0] + [0.0] * (width - 1))  # the first label is the rare one
    chosen = torch.multinomial(scores.softmax(dim=1), 1, generator=generator)[:, 0]
    return scores * 3 - 40, torch.nn.functional.one_hot(chosen, width).float()


def answered(task: Task, calibration: Calibration, scores: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    decided, kept = [], []
    for row in label_probabilities(scores, task, calibration).tolist():
        labels = decide(row, task, calibration)
        play = in_play(labels, row, task, calibration)
        decided.append([name in labels for name in task.label_names])
        kept.append([name in play for name in task.label_names])
    return np.array(decided), np.array(kept)


@pytest.mark.parametrize("error_rate", [0.1, 0.25])
@pytest.mark.parametrize("task", [RISK, SAFETY, LEVEL, CATEGORY], ids=lambda task: task.name)
def test_coverage_holds_on_new_rows_for_each_label(task: Task, error_rate: float) -> None:
    """Mean coverage over 40 fits of 200 rows is at least 1 - rate, less three standard errors of that mean."""
    generator = torch.Generator().manual_seed(7)
    covered: dict[str, list[float]] = {name: [] for name in ["all", *guaranteed(task)]}
    wrong, sizes = [], []
    for _ in range(40):
        calibration = fit(*drawn(task, 200, generator), task, error_rate=error_rate)
        scores, gold = drawn(task, 500, generator)
        decided, kept = answered(task, calibration, scores)
        truth, reached = gold.numpy() > 0, decided | kept
        covered["all"].append(reached[truth].mean())
        for name, places in guaranteed(task).items():
            covered[name].append(reached[:, places].any(axis=1)[truth[:, places].any(axis=1)].mean())
        if task.many:
            wrong.append(((decided != truth) & ~kept).mean())
        else:
            wrong.append((~kept.any(axis=1) & ~(decided & truth).any(axis=1)).mean())
        sizes.append(kept.sum(axis=1).mean())
    for name, shares in covered.items():
        assert np.mean(shares) >= 1 - error_rate - 3 * np.std(shares) / len(shares) ** 0.5, name
    assert np.mean(wrong) <= error_rate + 3 * np.std(wrong) / len(wrong) ** 0.5
    assert 0 < np.mean(sizes) < len(task.labels)  # it is not by leaving everything open


def test_the_rare_label_is_covered_as_well_as_the_frequent_one() -> None:
    generator = torch.Generator().manual_seed(3)
    positive = torch.rand(20_000, generator=generator) < 0.02
    middle = torch.where(positive, 1.0, -1.0)
    scores = torch.stack([middle + torch.randn(20_000, generator=generator), torch.zeros(20_000)], dim=1)
    gold = torch.stack([positive.float(), 1 - positive.float()], dim=1)
    calibration = fit(scores[:10_000], gold[:10_000], RISK, error_rate=0.1)
    decided, kept = answered(RISK, calibration, scores[10_000:])
    reached = (kept | decided)[gold[10_000:, 0].numpy() > 0, 0]
    # One bound for all rows would let the 2 % go and still be right on 98 %.
    assert reached.mean() >= 0.9 - 3 * (0.09 / len(reached)) ** 0.5


def test_a_lower_error_rate_leaves_more_open() -> None:
    generator = torch.Generator().manual_seed(5)
    scores, gold = drawn(SAFETY, 400, generator)
    new, _ = drawn(SAFETY, 400, generator)
    shares = [answered(SAFETY, fit(scores, gold, SAFETY, error_rate=rate), new)[1].mean() for rate in (0.02, 0.1, 0.3)]
    assert shares[0] > shares[1] > shares[2]


def test_a_label_of_few_rows_gets_the_widest_bound_they_give() -> None:
    scores, gold = drawn(CATEGORY, 200, torch.Generator().manual_seed(1))
    gold[:, 1] = 0
    gold[:4, 2], gold[4:, 2] = 1, 0
    calibration = fit(scores, gold, CATEGORY, error_rate=0.1)
    lowest = float(label_probabilities(scores, CATEGORY, calibration)[:4, 2].min())
    assert calibration.of(CATEGORY.label_names[2]).possible == pytest.approx(lowest, abs=2e-6)
    assert calibration.of(CATEGORY.label_names[1]).possible is not None
    assert too_rare(gold, CATEGORY, 0.1) == CATEGORY.label_names[1:3]


def test_an_error_rate_beyond_the_rows_is_refused() -> None:
    scores, gold = drawn(RISK, 50, torch.Generator().manual_seed(0))
    with pytest.raises(UserError, match=r"an error rate of 0\.01 needs at least 99 rows; there are 50"):
        fit(scores, gold, RISK, error_rate=0.01)


def test_abstention_changes_no_decision_threshold() -> None:
    for task in (RISK, SAFETY, LEVEL, CATEGORY):
        scores, gold = drawn(task, 200, torch.Generator().manual_seed(2))
        plain, banded = fit(scores, gold, task), fit(scores, gold, task, error_rate=0.1)
        rows = label_probabilities(scores, task, plain).tolist()
        assert [decide(row, task, plain) for row in rows] == [decide(row, task, banded) for row in rows]
        torch.testing.assert_close(torch.tensor(rows), label_probabilities(scores, task, banded))


# With a model.


@pytest.fixture
def folder(tmp_path: Path, model_folder: Path) -> Path:
    """A model calibrated at an error rate for two tasks."""
    folder = Path(shutil.copytree(model_folder, tmp_path / "tiny"))
    for task in ("suicide_risk", "suicide_level", "risk_category"):
        rows = []
        for k in range(60):
            label = {"suicide_risk": RISK.label_names[k % 2], "suicide_level": str(k % 11)}.get(task)
            labels = CATEGORY.label_names[k % 7 : k % 7 + 2] if label is None else [label]
            rows.append({"text": f"{SENTENCES[k % 20]}{k}", "labels": labels})
        data = tmp_path / f"{task}.jsonl"
        data.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        said = list(calibrate_model(str(folder), [task], data, error_rate=0.1))
        assert any("error rate 0.1: coverage" in line for line in said)
    return folder


def test_a_model_abstains_only_when_asked(folder: Path) -> None:
    posts, tasks = SENTENCES[:12], ["suicide_risk", "suicide_level", "risk_category"]
    held = Analyzer.load(str(folder), device="cpu", abstain=True).analyze(posts, tasks)
    plain = Analyzer.load(str(folder), device="cpu").analyze(posts, tasks)
    assert not any(answer.abstained or answer.candidates for answer in plain)
    assert {answer.task for answer in held if answer.abstained} == set(tasks)
    for answer, other in zip(held, plain, strict=True):
        task = load_task(answer.task)
        assert answer.probabilities == other.probabilities
        assert answer.abstained == bool(answer.candidates) and answer.parsed
        assert answer.crisis is not None and other.crisis is not None
        assert GRAVITY[answer.crisis] >= GRAVITY[other.crisis]
        assert GRAVITY[answer.crisis] >= GRAVITY[crisis_of(task, answer.candidates)]
        if answer.abstained and not answer.labels:
            assert (answer.evidence, answer.explanation) == ([], None)
        assert {span.label for span in answer.evidence} <= {*answer.labels, None}


def test_a_task_calibrated_for_no_error_rate_is_named(folder: Path) -> None:
    analyzer = Analyzer.load(str(folder), device="cpu", abstain=True)
    with pytest.raises(UserError, match="calibrated for no error rate on emotional_safety; run mentalglm calibrate"):
        analyzer.analyze("累", "emotional_safety")


def test_the_embedded_model_can_abstain_on_all_it_was_taught() -> None:
    known = load_calibrations(EMBEDDED)
    assert len(known) == 6
    for name, calibration in known.items():
        task = load_task(name)
        assert calibration.error_rate == 0.1 and list(calibration.labels)
        assert all(calibration.of(label).possible is not None for label in task.label_names)
        assert all((calibration.of(label).certain is not None) == task.many for label in task.label_names)


# On the command line.


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_a_stated_error_rate_and_prevalence_reach_the_model_and_its_answers(folder: Path, tmp_path: Path) -> None:
    words = ("--model", folder, "--task", "suicide_risk")
    done = run("calibrate", *words, "--data", tmp_path / "suicide_risk.jsonl", "--error-rate", 0.2, "--prevalence", 0.1)
    assert done.exit_code == 0 and "error rate 0.2: coverage" in done.stderr
    stored = load_calibrations(folder)["suicide_risk"]
    assert (stored.error_rate, stored.of("高自杀风险").prevalence) == (0.2, 0.1)
    posts = tmp_path / "posts.txt"
    posts.write_text("\n".join(SENTENCES), encoding="utf-8")
    for flags in ((), ("--abstain",)):
        said = run("analyze", "--file", posts, *words, "--labels-only", "--format", "json", *flags)
        assert said.exit_code == 0
        answers = [json.loads(line) for line in said.stdout.splitlines()]
        assert any(answer["abstained"] for answer in answers) == bool(flags)
    read = run("analyze", "--file", posts, *words, "--labels-only", "--abstain", "--lang", "en")
    assert "not decided; possible: " in read.stdout


@pytest.mark.parametrize("rate", ["0", "0.5", "-1", "nan"])
def test_an_error_rate_that_cannot_be_is_one_line(model_folder: Path, rate: str) -> None:
    with pytest.raises(UserError, match=r"--error-rate .* give a share above 0 and below 0\.5"):
        list(calibrate_model(str(model_folder), ["suicide_risk"], Path("absent.jsonl"), error_rate=float(rate)))
