"""The classifier that recovers labels from explanations: learned on the open corpus's train split, tried on others."""

import json
from pathlib import Path
from typing import Any

import pytest

from mentalglm.consistency import TURNED_DOWN, fit_consistency, hide_labels
from mentalglm.tasks import load_task

RECORDS = Path(__file__).parents[2] / "instructions" / "open" / "records"


def rows(task: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    found = [json.loads(line) for line in (RECORDS / f"{task}.jsonl").open(encoding="utf-8")]
    return [one for one in found if one["split"] == "train"], [one for one in found if one["split"] != "train"]


@pytest.mark.parametrize(
    ("name", "wrongly_held"),
    [("suicide_risk", 0.02), ("suicide_level", 0.05), ("emotional_safety", 0.05), ("cognitive_distortion", 0.1)],
)
def test_explanations_of_other_labels_are_turned_down(name: str, wrongly_held: float) -> None:
    task, (train, other) = load_task(name), rows(name)
    check = fit_consistency([one["explanation"] for one in train], [one["labels"] for one in train], task)
    assert check is not None and check.explanations == len(train)
    held = [check.holds(one["explanation"], one["labels"]) for one in other]
    assert sum(held) / len(held) >= 1 - 2 * TURNED_DOWN
    swapped = [
        check.holds(one["explanation"], another["labels"])
        for one, another in zip(other, other[7:] + other[:7], strict=True)
        if one["labels"] != another["labels"]
    ]
    assert sum(swapped) / len(swapped) <= wrongly_held
    assert check.caught >= 1 - wrongly_held


def test_naming_the_label_is_not_explaining_it() -> None:
    task = load_task("cognitive_distortion")
    assert hide_labels("这是以偏概全，也是乱贴标签。", task) == "这是□，也是□。"
    pathway = load_task("cognitive_pathway")
    assert hide_labels("属于认知歪曲##以偏概全，也就是以偏概全。", pathway) == "属于□，也就是□。"
    level = load_task("suicide_level")
    assert hide_labels("定为五级，也就是 5 级；level 5。", level) == "定为□，也就是 □；□。"
    yes_no = load_task("depression")
    assert hide_labels("Yes, nothing yes-man: no.", yes_no) == "□, nothing □-man: □."


def test_too_little_to_learn_from_is_said() -> None:
    task = load_task("suicide_risk")
    assert fit_consistency(["理由"] * 49, [["低自杀风险"]] * 49, task) is None
    assert fit_consistency(["理由"] * 60, [["低自杀风险"]] * 60, task) is None


def test_a_label_without_examples_is_not_judged() -> None:
    task = load_task("emotional_safety")
    texts = [f"语气平和，只说了第{n}天的晚饭。" for n in range(40)] + [
        f"话里有想要伤人的意思，第{n}次。" for n in range(40)
    ]
    labels = [["安全"]] * 40 + [["不安全"]] * 40
    check = fit_consistency(texts, labels, task)
    assert check is not None
    assert check.holds("语气平和，只说了晚饭。", ["安全"]) and not check.holds("语气平和，只说了晚饭。", ["不安全"])
    assert check.score("话里有想要伤人的意思。", ["不安全"]) > check.score("话里有想要伤人的意思。", ["安全"])
