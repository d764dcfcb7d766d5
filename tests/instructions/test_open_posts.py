"""Posts written under the open corpus's guide become records, all tasks of a post at once; a slip adds nothing."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from instructions.open_posts import add_open_posts, read_open_posts, records_of
from instructions.records import Record, read_records
from instructions.validate import validate
from mentalglm.errors import UserError

OPEN = Path(__file__).parents[2] / "instructions" / "open"
POST: dict[str, Any] = {
    "id": "T-001",
    "post": "又没考好，我就是个废物，算了，睡了。我就是个废物",
    "suicide_risk": {
        "level": 2,
        "label": "低自杀风险",
        "evidence": ["我就是个废物", "又没考好"],
        "explanation": "「又没考好」之后自贬，看得出痛苦，没有提到死。",
    },
    "cognitive_distortion": {
        "labels": ["乱贴标签", "以偏概全"],
        "evidence": {"乱贴标签": ["我就是个废物"], "以偏概全": ["又没考好"]},
        "explanation": "「我就是个废物」是给自己的贬称。",
    },
    "cognitive_pathway": {
        "segments": [
            {"span": "又没考好", "parent": "触发性事件", "child": "学习工作"},
            {"span": "我就是个废物", "parent": "认知歪曲", "child": "乱贴标签"},
            {"span": "算了", "parent": "驳斥", "child": "习惯性驳斥"},
            {"span": "我就是个废物", "parent": "认知歪曲", "child": "乱贴标签"},
        ],
        "explanation": "没考好之后自贬，又说「算了」。",
    },
    "emotional_safety": {
        "label": "临界",
        "risk_categories": [],
        "evidence": ["我就是个废物"],
        "explanation": "「我就是个废物」有明显的痛苦。",
    },
}


def quoted(task: str, post: dict[str, Any] = POST) -> list[tuple[str, str | None]]:
    record = next(one for one in records_of(post) if one.task == task)
    assert record.text is not None
    return [(record.text[span.start : span.end], span.label) for span in record.evidence]


def test_every_task_gets_its_record() -> None:
    records = {record.task: record for record in records_of(POST)}
    assert records["suicide_risk"].labels == ["低自杀风险"] and records["suicide_level"].labels == ["2"]
    assert records["cognitive_distortion"].labels == ["以偏概全", "乱贴标签"]  # in the task's order
    assert quoted("suicide_risk") == [("又没考好", None), ("我就是个废物", None)]  # in the post's
    assert quoted("cognitive_distortion") == [("又没考好", "以偏概全"), ("我就是个废物", "乱贴标签")]
    assert records["risk_category"].labels == [] and records["emotional_safety"].labels == ["临界"]
    assert {record.split for record in records.values()} == {records["suicide_risk"].split}


def test_segments_said_twice_stand_one_behind_the_other() -> None:
    record = next(one for one in records_of(POST) if one.task == "cognitive_pathway")
    starts = [span.start for span in record.evidence]
    assert starts == [0, 5, 12, 18]


def test_words_of_several_categories_are_left_out() -> None:
    post = copy.deepcopy(POST)
    post["emotional_safety"]["risk_categories"] = ["自杀与自伤", "暴力与仇恨"]
    assert quoted("risk_category", post) == []
    post["emotional_safety"]["risk_categories"] = ["自杀与自伤"]
    assert quoted("risk_category", post) == [("我就是个废物", "自杀与自伤")]


def test_posts_are_added_once_and_whole_or_not_at_all(tmp_path: Path) -> None:
    file, folder = tmp_path / "T.jsonl", tmp_path / "records"
    second = copy.deepcopy(POST) | {"id": "T-002"}
    file.write_text("\n".join(json.dumps(one, ensure_ascii=False) for one in (POST, second)), encoding="utf-8")
    assert add_open_posts([file], folder) == 2
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert len(before) == 6 and len(before[folder / "suicide_risk.jsonl"].splitlines()) == 2
    with pytest.raises(UserError, match="stands in"):
        add_open_posts([file], folder)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"suicide_risk": {**POST["suicide_risk"], "evidence": ["没有的话"]}}, "not in the post"),
        ({"suicide_risk": {**POST["suicide_risk"], "label": "中"}}, "is no label"),
        ({"emotional_safety": {}}, "'risk_categories' is missing"),
    ],
)
def test_a_slip_is_named_by_its_line_and_never_quoted(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    file = tmp_path / "T.jsonl"
    file.write_text(json.dumps(POST | change, ensure_ascii=False), encoding="utf-8")
    with pytest.raises(UserError, match=said) as error:
        list(read_open_posts(file))
    assert str(error.value).startswith(f"{file}:1: ") and "废物" not in str(error.value)


def test_the_posts_written_since_are_sound_and_new(tmp_path: Path) -> None:
    files = sorted((OPEN / "posts").glob("*.jsonl"))
    count = add_open_posts(files, tmp_path)
    assert count == 980
    report = validate(sorted(tmp_path.glob("*.jsonl")))
    assert not report.problems
    there = {record.group for _, record in read_records(OPEN / "records" / "suicide_risk.jsonl")}  # type: ignore[union-attr]
    texts = [record for _, record in read_records(tmp_path / "suicide_risk.jsonl") if isinstance(record, Record)]
    assert not there & {record.group for record in texts}
    assert len({record.text for record in texts}) == count
