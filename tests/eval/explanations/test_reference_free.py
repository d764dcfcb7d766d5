"""Measures without a reference: worked by hand, without the words where they may not stay, in scores.json."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.explanations.observed import Observer, observe
from eval.explanations.reference_free import REFERENCE_FREE, TEMPLATE
from eval.explanations.wording import LACKING, LOWER_IS_BETTER, MEASURES, NEUTRAL
from mentalglm.tasks import load_task
from tests.eval.commands import evaluate, samples
from tests.eval.conftest import sample, write_run

RISK = load_task("suicide_risk")
HIGH, LOW = "高自杀风险", "低自杀风险"
OBSERVED = {
    "recovered": [LOW], "sha256": "a", "characters": 10, "quoted": [1, 2], "distinct": [8, 10, 9, 9],
    "repeated": False, "advice": False, "diagnosis": False, "contradiction": False,
}  # fmt: skip


def seen(**more: Any) -> dict[str, Any]:
    return {**OBSERVED, **more}


def told(label: str, given: str | None, own: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    explained = {"recoverable": True, "own": own, "gold": seen(recovered=[label]), "template": seen(recovered=[given])}
    labels = [given] if given else []
    return sample([label], labels, parsed=given is not None, explained={**explained, **more})


def measured(rows: list[dict[str, Any]], group: str = "explanations", task: Any = RISK) -> dict[str, float]:
    found: dict[str, float] = {}
    for block in REFERENCE_FREE if group == "explanations" else TEMPLATE:
        sums = block.rows(rows, task)
        if not np.isnan(sums).all():
            values = block.formula(np.nansum(sums, axis=0, keepdims=True))
            found |= {name: float(value[0]) for name, value in values.items()}
    return found


def test_an_explanation_is_known_without_its_words() -> None:
    post = "东西早就备好了，就等出分那天"
    text = "「东西早就备好了」与“就等出分那天”写明了日期，「不想活了」是没有的。你应该尽快就医。"
    found = observe(text, post, [HIGH], RISK, [HIGH])
    assert found is not None and found["quoted"] == [2, 3] and found["advice"] and not found["diagnosis"]
    assert found["characters"] == len(text) and not found["repeated"] and found["recovered"] == [HIGH]
    again = observe("没有人在乎我，没有人在乎我", post, [HIGH], RISK, None)
    assert again is not None and again["repeated"] and again["distinct"] == [6, 12, 6, 11]
    assert observe("属于低自杀风险。", post, [HIGH], RISK, None)["contradiction"]  # type: ignore[index]
    assert observe(None, post, [HIGH], RISK, None) is None and observe(" ", post, [HIGH], RISK, None) is None


def test_consistency_by_hand() -> None:
    rows = [
        told(HIGH, HIGH, seen(recovered=[HIGH])),
        told(HIGH, LOW, seen(recovered=[LOW])),  # wrong, and consistent all the same
        told(LOW, LOW, seen(recovered=[HIGH]), gold=seen(recovered=[HIGH])),
        told(LOW, None, None, template=None),  # an unreadable answer carries no label
    ]
    found = measured(rows)
    assert found["consistency"] == 0.5 and found["gold_consistency"] == 0.75
    assert found["consistency_ratio"] == pytest.approx(0.5 / 0.75)
    assert measured(rows, "template")["consistency"] == 0.75


def test_consistency_of_several_labels_is_micro_f1_and_its_ratio_is_of_the_same_rows() -> None:
    task = load_task("cognitive_distortion")

    def row(given: list[str], recovered: list[str], gold: list[str] | None) -> dict[str, Any]:
        known = None if gold is None else seen(recovered=gold)
        explained = {"recoverable": True, "own": seen(recovered=recovered), "gold": known, "template": None}
        return sample(["放大"], given, explained=explained)

    rows = [row(["放大", "读心术"], ["放大"], ["放大"]), row([], [], None), row(["应该式"], ["放大"], None)]
    found = measured(rows, task=task)
    assert found["consistency"] == pytest.approx(2 / 5)  # 1 right, 1 false, 2 missed
    assert found["gold_consistency"] == 1 and found["consistency_ratio"] == pytest.approx(2 / 3)


def test_the_other_measures_by_hand() -> None:
    own = [
        seen(sha256=words, quoted=quoted, repeated=words == "a")
        for words, quoted in (("a", [1, 2]), ("a", [0, 0]), ("b", [2, 2]))
    ]
    found = measured([told(LOW, LOW, one) for one in own] + [told(LOW, LOW, None)])
    assert found["quoted_in_post"] == pytest.approx(3 / 4) and found["repetition"] == pytest.approx(2 / 3)
    assert found["distinct_explanations"] == pytest.approx(2 / 3) and found["explanation_length"] == 10
    assert found["distinct_1"] == pytest.approx(0.8) and found["distinct_2"] == 1 and found["advice"] == 0
    probes = {"comprehensiveness": 0.4, "sufficiency": None, "self-consistency": {"agreement": 0.6, "chrf": None}}
    rows = [{**told(LOW, LOW, None), "probes": probes}, {**told(LOW, LOW, None), "probes": None}]
    found = measured(rows)
    assert found["comprehensiveness"] == 0.4 and found["self_consistency"] == 0.6
    assert "sufficiency" not in found and "self_consistency_chrf" not in found


def test_nothing_is_measured_where_nothing_is_known() -> None:
    assert measured([sample([LOW], [LOW])]) == {} and measured([sample([LOW], [LOW])], "template") == {}
    assert measured([]) == {}


def test_every_measure_has_a_name_and_every_lack_a_reason() -> None:
    names = {name for block in (*REFERENCE_FREE, *TEMPLATE) for name in block.names}
    assert names <= set(MEASURES) and {*LOWER_IS_BETTER, *NEUTRAL} <= set(MEASURES)
    assert {block.needs for block in (*REFERENCE_FREE, *TEMPLATE)} <= set(LACKING)
    for name in LOWER_IS_BETTER:
        assert "lower is better" in MEASURES[name].en and re.search("越[小少]越好", MEASURES[name].zh)


def test_scores_hold_the_template_beside_the_model(tmp_path: Path) -> None:
    rows = [told(LOW, LOW, seen(), template=seen(text="琐事。")) for _ in range(4)]
    rows = [{**row, "explanation": "只是琐事。", "gold_explanation": "琐事。"} for row in rows]
    evaluate("score", write_run(tmp_path / "run", "suicide_risk", rows))
    scores = json.loads((tmp_path / "run" / "scores.json").read_text(encoding="utf-8"))
    assert scores["explanations"]["consistency"] == {"value": 1.0, "low": 1.0, "high": 1.0, "bca": [1.0, 1.0]}
    assert scores["template"]["chrf"]["value"] == 1 > scores["explanations"]["chrf"]["value"]
    assert scores["not_measured"]["comprehensiveness"] == "probe" and "consistency" not in scores["not_measured"]


def write_rows(path: Path, license: str) -> Path:
    """80 rows to learn from, 4 to test on, with explanations that quote."""
    with path.open("w", encoding="utf-8") as file:
        for i in range(84):
            high = i % 2 == 0
            text = f"第{i}天，都安排好了，日子也定了" if high else f"第{i}天，照常上班，照常吃饭"
            why = f"第{i}天的「日子也定了」说明日期已经确定。" if high else f"第{i}天的「照常上班」只是日常。"
            row = {"id": f"r{i}", "text": text, "labels": [HIGH if high else LOW], "explanation": why}
            file.write(json.dumps({**row, "license": license, "split": "train" if i < 80 else "test"}) + "\n")
    return path


def test_third_party_words_are_judged_and_not_kept(tmp_path: Path) -> None:
    data, out = write_rows(tmp_path / "suicide_risk.jsonl", "unknown"), tmp_path / "run"
    evaluate("run", "--task", "suicide_risk", "--data", data, "--out", out)
    for item in samples(out):
        assert item["explanation"] is None and item["gold_explanation"] is None
        explained = item["explained"]
        assert explained["gold"]["recovered"] == item["gold"] and explained["gold"]["quoted"] == [1, 1]
        assert explained["own"]["recovered"] and explained["template"]["text"] is None
        assert explained["template"]["recovered"] == item["labels"]
    stored = (out / "samples.jsonl").read_text(encoding="utf-8")
    assert "说明日期" not in stored and "只是日常" not in stored and "照常上班" not in stored
    evaluate("score", out)
    scores = json.loads((out / "scores.json").read_text(encoding="utf-8"))
    assert scores["explanations"]["gold_consistency"]["value"] == 1
    assert scores["template"]["consistency"]["value"] == 1 and "chrf" not in scores["template"]
    assert scores["not_measured"]["template_chrf"] == "template"
    assert scores["explanations"]["explained"]["value"] == 1 and scores["n_explained"] == 0  # written, words not kept


def test_open_words_stay(tmp_path: Path) -> None:
    data, out = write_rows(tmp_path / "suicide_risk.jsonl", "CC-BY-4.0"), tmp_path / "run"
    evaluate("run", "--task", "suicide_risk", "--data", data, "--out", out, "--limit", 2)
    assert all(item["explained"]["template"]["text"] for item in samples(out))
    evaluate("run", "--task", "suicide_risk", "--data", data, "--out", tmp_path / "labels", "--labels-only")
    assert all("explained" not in item for item in samples(tmp_path / "labels"))


def test_nothing_is_learned_from_a_post_that_is_evaluated(tmp_path: Path) -> None:
    from eval.data import load_data

    data = load_data(write_rows(tmp_path / "suicide_risk.jsonl", "CC-BY-4.0"), "suicide_risk", split="all")
    observer = Observer(data, lambda license: True)
    assert observer.each(data.samples[:1], [None]) == [None]
    assert observer._recovery is None and observer._templates.of([LOW]) is None


def test_the_share_with_an_explanation_does_not_hang_on_references() -> None:
    from eval.explanations.text_measures import EXPLAINED

    said, unsaid = ({"explained": {"own": own}, "explanation": None} for own in (seen(), None))
    rows = EXPLAINED.rows([said, unsaid, unsaid, {"explanation": None}], RISK)
    assert EXPLAINED.formula(np.nansum(rows, axis=0, keepdims=True))["explained"][0] == pytest.approx(1 / 3)
