"""Every rule of the validator catches a record that breaks it, and says so without the text."""

import json
from pathlib import Path
from typing import Any

import pytest

from instructions.split import split_of
from instructions.validate import validate

TEXT = "今天又被老师点名批评了，反正我做什么都不会好的，明天不想去学校。"
SPAN = "做什么都不会好的"


def record(**changes: Any) -> dict[str, Any]:
    start = TEXT.index(SPAN)
    good: dict[str, Any] = {
        "id": "x:1",
        "group": "x-1",
        "source": "open-corpus",
        "license": "CC-BY-4.0",
        "language": "zh",
        "task": "cognitive_distortion",
        "text": TEXT,
        "labels": ["先知错误"],
        "evidence": [{"start": start, "end": start + len(SPAN), "label": "先知错误"}],
        "explanation": "由一次批评断定以后「做什么都不会好的」，把尚未发生的事说成了定局。",
        "explanation_by": "llm",
        "split": split_of("x-1"),
        "annotations": [],
        "meta": {},
    }
    return good | changes


def reasons(folder: Path, *records: dict[str, Any]) -> list[str]:
    path = folder / "records.jsonl"
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")
    return [reason for _, _, reason in validate([path]).problems]


def test_a_good_record_has_no_problem(tmp_path: Path) -> None:
    assert reasons(tmp_path, record()) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"labels": ["瞎猜"]}, "is not one of cognitive_distortion"),
        ({"labels": ["先知错误", "先知错误"]}, "repeated or not in the task's order"),
        ({"labels": ["先知错误", "非此即彼"]}, "repeated or not in the task's order"),
        ({"labels": []}, "is not among the record's labels"),
        ({"evidence": [{"start": 3, "end": 4, "label": "先知错误"}]}, "1 characters"),
        ({"evidence": [{"start": 9, "end": 900, "label": "先知错误"}]}, "lie outside the text"),
        ({"evidence": [{"start": 0, "end": len(TEXT), "label": "先知错误"}]}, "the whole post"),
        ({"evidence": [{"start": 0, "end": 5, "label": None}]}, "is not among the record's labels"),
        (
            {"text": "他说「没用」就走了，" + TEXT, "evidence": [{"start": 0, "end": 6, "label": "先知错误"}]},
            "holds 「",
        ),
        ({"explanation": "太短。"}, "explanation of 3 characters"),
        (
            {"explanation": "由「从来没有人」一句断定以后都不会好，把尚未发生的事说成了定局。"},
            "quotes words that are not in the text (1)",
        ),
        ({"explanation": None}, "does not fit the explanation"),
        ({"split": {"train": "test"}.get(split_of("x-1"), "train")}, "is not that of group"),
        ({"task": "mood"}, "unknown task 'mood'"),
        ({"language": "en"}, "is not the task's"),
        ({"turns": [{"role": "user", "content": "你好"}]}, "either text or turns"),
        ({"text": None, "turns": [{"role": "user", "content": "hi"}], "evidence": []}, "the task takes a post"),
        ({"mood": "low"}, "mood: Extra inputs are not permitted"),
        ({"annotations": [{"annotator": "second", "labels": ["瞎猜"], "evidence": []}]}, "annotator second: label"),
    ],
)
def test_a_broken_rule_is_named_without_the_text(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    found = reasons(tmp_path, record(**changes))
    assert any(reason in line for line in found), found
    assert not any(TEXT[:8] in line for line in found)


def test_between_records(tmp_path: Path) -> None:
    assert any("stands twice" in r for r in reasons(tmp_path, record(), record()))
    straddling = [record(source="mine", split=split, id=f"x:{split}") for split in ("train", "test")]
    assert any("is in both train and test" in r for r in reasons(tmp_path, *straddling))


def test_risk_and_level_of_the_same_post_are_compared(tmp_path: Path) -> None:
    bare: dict[str, Any] = {"evidence": [], "explanation": None, "explanation_by": "none"}
    risk = record(id="x:risk", task="suicide_risk", labels=["低自杀风险"], **bare)
    level = record(id="x:level", task="suicide_level", labels=["7"], **bare)
    assert reasons(tmp_path, risk, level) == ["suicide_level=7 ≠ suicide_risk=低自杀风险"]
    assert reasons(tmp_path, risk, level | {"labels": ["5"]}) == []


def test_a_line_that_is_no_json_is_one_problem(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text("{oops\n" + json.dumps(record(), ensure_ascii=False) + "\n", encoding="utf-8")
    report = validate([path])
    assert report.problems == [("records.jsonl", 1, "not valid JSON")]
    assert sum(report.counts.values()) == 1
