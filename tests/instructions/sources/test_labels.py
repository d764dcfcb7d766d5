"""Labels as people write them: words, numbers, lists, ticks, several annotators."""

import json
from pathlib import Path
from typing import Any

import pytest

from instructions.sources.labels import LabelReader, Unlabelled, Unsaid
from instructions.sources.parts import TaskRows
from mentalglm.tasks import load_task
from tests.instructions.sources.made import jsonl, read, source, write


def reader(task: str, **keys: Any) -> LabelReader:
    return LabelReader(TaskRows.model_validate({"task": task, **keys}), load_task(task))


JOINED = [
    "以偏概全、放大",
    "放大;以偏概全",
    "放大； 以偏概全 ",
    "放大|以偏概全",
    "放大，以偏概全",
    "放大, 以偏概全",
    "放大\n以偏概全",
]
LISTED = [["放大", "以偏概全"], '["放大", "以偏概全"]', "['放大', '以偏概全']", "放大、放大、以偏概全、"]


@pytest.mark.parametrize("value", [*JOINED, *LISTED])
def test_lists_in_every_spelling(value: Any) -> None:
    assert reader("cognitive_distortion", labels="l").read_value(value) == ["以偏概全", "放大"]


@pytest.mark.parametrize("value", ["无", "没有", "None", "[]", []])
def test_a_task_of_many_labels_may_have_none(value: Any) -> None:
    assert reader("cognitive_distortion", labels="l").read_value(value) == []


@pytest.mark.parametrize("value", ["", None, float("nan"), "  "])
def test_a_blank_says_nothing_and_is_not_none(value: Any) -> None:
    with pytest.raises(Unsaid, match="no label"):
        reader("cognitive_distortion", labels="l").read_value(value)
    assert reader("cognitive_distortion", labels="l", map={"": []}).read_value(value) == []


@pytest.mark.parametrize("value", [6, 6.0, "6", " 6 "])
def test_numbers_are_names(value: Any) -> None:
    assert reader("suicide_level", labels="l").read_value(value) == ["6"]


def test_aliases_surfaces_and_capitals() -> None:
    causes = reader("stress_cause", labels="l")
    assert causes.read_value("emotion turmoil") == ["emotional turmoil"]
    assert causes.read_value("This post shows other stress causes") == ["other causes"]
    assert reader("stress", labels="l").read_value("YES") == ["yes"]


def test_a_map_gives_one_label_several_none_or_leaves_the_row_out() -> None:
    meaning = {"0": [], "1": "放大", "2": ["放大", "读心术"], "9": None}
    distortion = reader("cognitive_distortion", labels="l", map=meaning)
    assert [distortion.read_value(value) for value in (0, "1", 2, "1、2", "读心术")] == [
        [], ["放大"], ["读心术", "放大"], ["读心术", "放大"], ["读心术"],
    ]  # fmt: skip
    assert distortion.read_value(9) is None
    assert distortion.read_value(["1", "9"]) is None


@pytest.mark.parametrize(
    ("task", "value", "reason"),
    [
        ("suicide_risk", "秘密的话", "a label that suicide_risk does not have"),
        ("suicide_risk", ["高自杀风险", "低自杀风险"], "2 labels where suicide_risk takes one"),
        ("suicide_risk", "高自杀风险、低自杀风险", "a label that suicide_risk does not have"),
        ("suicide_risk", "无", "a label that suicide_risk does not have"),
        ("suicide_risk", [], "0 labels where suicide_risk takes one"),
        ("cognitive_distortion", "放大、秘密", "a label that cognitive_distortion does not have"),
        ("suicide_level", 6.5, "a label that suicide_level does not have"),
        ("suicide_level", "11", "a label that suicide_level does not have"),
        ("suicide_level", True, "a label that suicide_level does not have"),
    ],
)
def test_what_is_no_label_is_refused_without_repeating_it(task: str, value: Any, reason: str) -> None:
    with pytest.raises(Unlabelled) as caught:
        reader(task, labels="l").read_value(value)
    assert str(caught.value) == reason


@pytest.mark.parametrize("tick", [1, "1", 1.0, True, "✓", "√", "x", "X", "是", "yes"])
@pytest.mark.parametrize("blank", [0, "0", False, "", None, "×", "否"])
def test_ticks(tick: Any, blank: Any) -> None:
    ticked = reader("cognitive_distortion", ticks={"a": "放大", "b": "读心术", "c": "应该式"})
    labels = ticked.read({"a": tick, "b": blank, "c": tick})
    assert labels is not None and labels.names == ["放大", "应该式"]


def test_a_row_without_any_tick_is_not_taken_for_none() -> None:
    ticks = {"a": "放大", "b": "读心术"}
    ticked = reader("cognitive_distortion", ticks=ticks)
    zeros = ticked.read({"a": "0", "b": ""})
    assert zeros is not None and zeros.names == []
    with pytest.raises(Unsaid, match="no label"):
        ticked.read({"a": "", "b": None})
    blank = reader("cognitive_distortion", ticks=ticks, map={"": []}).read({"a": "", "b": ""})
    assert blank is not None and blank.names == []
    with pytest.raises(Unlabelled, match="a tick that is neither yes nor no"):
        ticked.read({"a": "也许", "b": "1"})


def test_ticks_of_a_single_label_need_exactly_one() -> None:
    ticked = reader("suicide_risk", ticks={"高": "高自杀风险", "低": "低自杀风险"})
    labels = ticked.read({"高": "", "低": "✓"})
    assert labels is not None and labels.names == ["低自杀风险"]
    with pytest.raises(Unlabelled, match="2 labels where suicide_risk takes one"):
        ticked.read({"高": "✓", "低": "✓"})


def test_annotators_decide_where_nobody_adjudicated(tmp_path: Path) -> None:
    head = "text,裁定,标注甲,标注乙\n"
    rows = [
        "一,,放大、读心术,读心术、放大",
        "二,,放大,读心术",
        "三,应该式,放大,读心术",
        "四,,放大,",
        "五,,,",
        "六,无,放大,",
    ]
    write(tmp_path / "a.csv", head + "\n".join(rows))
    task = {"task": "cognitive_distortion", "labels": "裁定", "annotators": {"甲": "标注甲", "乙": "标注乙"}}
    records, faults = read(source(tasks=[task]), tmp_path)
    assert {record.text: record.labels for record in records} == {
        "一": ["读心术", "放大"], "三": ["应该式"], "四": ["放大"], "六": [],
    }  # fmt: skip
    assert [(a.annotator, a.labels) for a in records[1].annotations] == [("甲", ["放大"]), ("乙", ["读心术"])]
    assert [a.annotator for a in records[2].annotations] == ["甲"]
    assert [(fault.id, fault.reason) for fault in faults] == [
        ("lab:a:1:cognitive_distortion", "annotators disagree"),
        ("lab:a:4:cognitive_distortion", "no label"),
    ]


def test_annotators_with_columns_of_ticks(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "text,甲1,甲2,乙1,乙2\n一,✓,,1,0\n二,✓,,,✓\n")
    annotators = {"甲": {"甲1": "放大", "甲2": "读心术"}, "乙": {"乙1": "放大", "乙2": "读心术"}}
    records, faults = read(source(tasks=[{"task": "cognitive_distortion", "annotators": annotators}]), tmp_path)
    assert [record.labels for record in records] == [["放大"]]
    assert [fault.reason for fault in faults] == ["annotators disagree"]


def test_one_row_answers_several_tasks_each_with_its_own_explanation(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "text,level,why\n好好的一天,0,该用户没有痛苦。\n不想说,7,  \n还行,3,有一点。\n")
    tasks: list[dict[str, Any]] = [
        {"task": "suicide_level", "labels": "level"},
        {"task": "suicide_risk", "labels": "level", "explanation": None,
         "map": {"0": "低自杀风险", "7": "高自杀风险", "3": None}},
    ]  # fmt: skip
    records, faults = read(source(explanation="why", explanation_by="llm", tasks=tasks), tmp_path)
    assert not faults
    assert [(record.task, record.labels[0], record.explanation, record.explanation_by) for record in records] == [
        ("suicide_level", "0", "该用户没有痛苦。", "llm"),
        ("suicide_risk", "低自杀风险", None, "none"),
        ("suicide_level", "7", None, "none"),
        ("suicide_risk", "高自杀风险", None, "none"),
        ("suicide_level", "3", "有一点。", "llm"),
    ]
    assert len({record.group for record in records}) == 3


def test_extra_columns_and_names_go_to_meta(tmp_path: Path) -> None:
    row = {"text": "好", "label": "低自杀风险", "no": 12, "age": float("nan"), "tags": ["a", 1], "more": {"k": 1}}
    write(tmp_path / "a.jsonl", jsonl(row))
    (record,), _ = read(source(files=["a.jsonl"], id="no", meta=["age", "tags", "more"]), tmp_path)
    assert record.meta == {"id": 12, "age": None, "tags": ["a", 1], "more": "{'k': 1}"}
    json.loads(record.model_dump_json())
