"""Comparing runs: the same samples or none, differences with intervals, one test per task unless asked."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from eval.compare import compare_folders, print_comparison
from mentalglm.errors import UserError
from tests.eval.conftest import sample, write_run

HIGH, LOW = "高自杀风险", "低自杀风险"


def lines(right: list[bool], **more: Any) -> list[dict[str, Any]]:
    """Every third post is high; an answer is right or the other label."""
    made = []
    for i, hit in enumerate(right):
        gold = HIGH if i % 3 == 0 else LOW
        said = gold if hit else (LOW if gold == HIGH else HIGH)
        chance = 0.8 if said == HIGH else 0.2
        probabilities = {HIGH: chance, LOW: 1 - chance}
        made.append({**sample([gold], [said], probabilities=probabilities), "text_sha256": f"{i:064d}", **more})
    return made


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """A model that is right half of the time, and one that is right on nine of ten."""
    poor, good = [i % 2 == 0 for i in range(120)], [i % 10 != 0 for i in range(120)]
    return [
        write_run(tmp_path / "poor", "suicide_risk", lines(poor), model="poor"),
        write_run(tmp_path / "good", "suicide_risk", lines(good), model="good"),
    ]


def test_a_difference_with_its_interval_and_its_tests(runs: list[Path]) -> None:
    result = compare_folders(runs, permutations=500)
    task = result["comparisons"][0]["tasks"]["suicide_risk"]
    accuracy = task["metrics"]["accuracy"]
    assert (accuracy["first"], accuracy["second"], accuracy["difference"]) == (0.5, 0.9, pytest.approx(0.4))
    assert 0.2 < accuracy["low"] < 0.4 < accuracy["high"] < 0.6 and 0.1 < accuracy["detectable"] < 0.3
    assert "p" not in accuracy and task["metrics"]["f1"]["p"] < 0.01  # the headline alone is tested
    # Even rows are right in the one, all but every tenth in the other.
    assert (task["mcnemar"]["first_only"], task["mcnemar"]["second_only"]) == (12, 60)
    assert result["tests"] == 2
    assert task["mcnemar"]["p_bonferroni"] == pytest.approx(2 * task["mcnemar"]["p"])
    assert json.loads((runs[1] / "comparison.json").read_text(encoding="utf-8")) == result


def test_a_run_against_itself_differs_in_nothing(runs: list[Path]) -> None:
    result = compare_folders([runs[0], runs[0]], tested=["all"], permutations=50)
    task = result["comparisons"][0]["tasks"]["suicide_risk"]
    for score in task["metrics"].values():
        assert score["difference"] in (0.0, None) and score["p"] in (1.0, None)
    assert task["mcnemar"]["p"] == 1.0


def test_groups_are_swapped_and_drawn_whole(tmp_path: Path) -> None:
    poor, good = [i % 20 < 10 for i in range(40)], [True] * 40
    folders = []
    for name, right in (("poor", poor), ("good", good)):
        grouped = [{**line, "group": f"g{i // 10}"} for i, line in enumerate(lines(right))]
        folders.append(write_run(tmp_path / name, "suicide_risk", grouped))
    task = compare_folders(folders, tested=["accuracy"])["comparisons"][0]["tasks"]["suicide_risk"]
    assert task["groups"] == 4 and task["n"] == 40
    assert task["metrics"]["accuracy"]["p"] == 0.5  # two groups differ: four swaps, two of them as extreme
    assert task["mcnemar"]["p"] < 0.001  # rows by themselves would look like evidence


def test_other_samples_are_refused_and_counted(runs: list[Path], tmp_path: Path) -> None:
    fewer = write_run(tmp_path / "fewer", "suicide_risk", lines([True] * 80))
    with pytest.raises(UserError, match=r"of 120 and 80 samples 80 are shared; --common"):
        compare_folders([runs[0], fewer])
    task = compare_folders([runs[0], fewer], common=True, permutations=50)["comparisons"][0]["tasks"]["suicide_risk"]
    assert task["n"] == 80 and task["left_out"] == [40, 0] and task["metrics"]["accuracy"]["second"] == 1.0

    other = write_run(tmp_path / "other", "suicide_risk", lines([True] * 120), sha256="1" * 64)
    with pytest.raises(UserError, match=r"other data .* 120 are shared; --common"):
        compare_folders([runs[0], other])
    changed = [{**line, "text_sha256": "f" * 64} for line in lines([True] * 120)]
    posts = write_run(tmp_path / "posts", "suicide_risk", changed)
    with pytest.raises(UserError, match=r"of 120 and 120 samples 0 are shared; give runs of the same data"):
        compare_folders([runs[0], posts])
    with pytest.raises(UserError, match="share no sample"):
        compare_folders([runs[0], posts], common=True)
    relabelled = [{**line, "gold": [LOW]} for line in lines([True] * 120)]
    with pytest.raises(UserError, match="80 are shared"):
        compare_folders([runs[0], write_run(tmp_path / "labels", "suicide_risk", relabelled)])
    levels = write_run(tmp_path / "levels", "suicide_level", [sample(["0"], ["0"])])
    with pytest.raises(UserError, match="0 of 2 tasks"):
        compare_folders([runs[0], levels])


def test_rows_are_matched_by_name_not_by_place(runs: list[Path]) -> None:
    before = compare_folders(runs, permutations=50)["comparisons"][0]["tasks"]["suicide_risk"]["mcnemar"]
    path = runs[1] / "samples.jsonl"
    path.write_text("".join(reversed(path.read_text(encoding="utf-8").splitlines(keepends=True))), encoding="utf-8")
    assert compare_folders(runs, permutations=50)["comparisons"][0]["tasks"]["suicide_risk"]["mcnemar"] == before


def test_a_run_without_probabilities_is_compared_on_the_rest(runs: list[Path], tmp_path: Path) -> None:
    bare = write_run(tmp_path / "bare", "suicide_risk", lines([True] * 120, probabilities={}))
    names = compare_folders([runs[0], bare], permutations=50)["comparisons"][0]["tasks"]["suicide_risk"]["metrics"]
    assert "auroc" not in names and names["accuracy"]["second"] == 1.0


def test_several_runs_are_one_family(runs: list[Path]) -> None:
    result = compare_folders([*runs, runs[0]], permutations=50)
    assert result["tests"] == 4 and len(result["comparisons"]) == 2
    with pytest.raises(UserError, match="give two folders"):
        compare_folders(runs[:1])
    with pytest.raises(UserError, match="no task here is scored by 'f2'"):
        compare_folders(runs, tested=["f2"], permutations=50)


def test_the_table_speaks_both_languages(runs: list[Path]) -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    print_comparison(console, compare_folders(runs, permutations=50))
    text = console.export_text()
    for words in ("准确率", "Accuracy", "可测出的差", "detectable", "+0.400", "mcnemar", "自杀风险"):
        assert words in text
