"""The shipped sources, each read from small invented files in the format its owner publishes."""

import json
from pathlib import Path

import pytest

from instructions.records import Record
from instructions.sources import Fault, load_source, read_records_of
from tests.instructions.sources.made import jsonl, write

Read = dict[str, list[tuple[str, list[str]]]]


def read(name: str, data: Path) -> Read:
    """Text and labels of every record, by task; no row may be at fault."""
    found: Read = {}
    for row in read_records_of(load_source(name), data):
        assert not isinstance(row, Fault), row
        assert isinstance(row.text, str)
        found.setdefault(row.task, []).append((row.text, row.labels))
    return found


def records(name: str, data: Path) -> list[Record]:
    return [row for row in read_records_of(load_source(name), data) if isinstance(row, Record)]


def test_sos_hl_1k(tmp_path: Path) -> None:
    turns = [("system", "现在，你是一名心理学家。"), ("user", "票都订好了"), ("assistant", "高自杀风险")]
    row = {"messages": [{"role": role, "content": content} for role, content in turns]}
    write(tmp_path / "sos-hl-1k/suicide_train.jsonl", jsonl(row))
    assert read("sos-hl-1k", tmp_path) == {"suicide_risk": [("票都订好了", ["高自杀风险"])]}


def test_sos_4k_splits_its_levels_at_six(tmp_path: Path) -> None:
    lines = ["comment\tmyLabel\texplain", *(f"第{level}条\t{level}\t该用户发文如此。" for level in range(11))]
    write(tmp_path / "sos-4k/train.tsv", "\r\n".join(lines))
    write(tmp_path / "sos-4k/val.tsv", lines[0])
    found = read("sos-4k", tmp_path)
    assert [labels for _, labels in found["suicide_level"]] == [[str(level)] for level in range(11)]
    assert [labels for _, labels in found["suicide_risk"]] == [["低自杀风险"]] * 6 + [["高自杀风险"]] * 5
    for record in records("sos-4k", tmp_path):
        assert (record.explanation is None) == (record.task == "suicide_risk")
        assert record.explanation_by == ("none" if record.explanation is None else "llm")


def test_socialcd_3k(tmp_path: Path) -> None:
    names = list(load_source("socialcd-3k").tasks[0].ticks)
    lines = ["\t".join([*names, "内容"]), "\t".join(["0"] * 5 + ["1"] + ["0"] * 3 + ["1"] + ["0"] * 2 + ["全完了"])]
    write(tmp_path / "socialcd-3k/train_data_with_header.tsv", "\n".join(lines))
    assert read("socialcd-3k", tmp_path) == {"cognitive_distortion": [("全完了", ["先知错误", "乱贴标签"])]}


def test_psysuicide_takes_over_what_follows_from_the_label_alone(tmp_path: Path) -> None:
    labels = [
        ["自杀计划"],
        ["主动自杀意图", "自伤行为"],
        ["被动自杀意图", "他人攻击行为"],
        ["用户攻击行为"],
        ["关于自杀的探索"],
        ["与自杀/自伤/攻击行为无关"],
    ]
    rows = [{"idx": k, "text": str(k), "labels": names} for k, names in enumerate(labels)]
    write(tmp_path / "psysuicide/valid.json", json.dumps(rows))
    low, high = ["低自杀风险"], ["高自杀风险"]
    assert read("psysuicide", tmp_path) == {
        "suicide_risk": [("0", high), ("2", low), ("3", low), ("5", low)],
        "emotional_safety": [("0", ["不安全"]), ("1", ["不安全"]), ("3", ["不安全"]), ("4", ["临界"])],
        "risk_category": [
            ("0", ["自杀与自伤"]), ("1", ["自杀与自伤"]), ("2", ["暴力与仇恨", "自杀与自伤"]), ("3", ["暴力与仇恨"]),
            ("4", ["自杀与自伤"]), ("5", []),
        ],
    }  # fmt: skip


def test_irf_raw_finds_the_annotators_words(tmp_path: Path) -> None:
    garbled = "I’m nobody to them".encode().decode("mac_roman")
    text = f"Unnamed: 0,text,belong,belong_exp,burden,burden_exp\n7,{garbled},1,nobody to them,0,\n"
    write(tmp_path / "irf-raw/train_data.csv", text)
    belong, burden = records("irf-raw", tmp_path)
    assert (belong.task, belong.labels) == ("interpersonal_risk_thwarted_belongingness", ["yes"])
    assert (burden.task, burden.labels, burden.evidence) == ("interpersonal_risk_perceived_burdensomeness", ["no"], [])
    assert belong.text == "I’m nobody to them"
    assert [belong.text[span.start : span.end] for span in belong.evidence] == ["nobody to them"]


def test_multiwd_raw(tmp_path: Path) -> None:
    text = "text,Spiritual,Physical,Intellectual,Social,Vocational,Emotional\nso tired,0,1,0,0,1,0\n"
    write(tmp_path / "multiwd-raw/train_data.csv", text)
    found = read("multiwd-raw", tmp_path)
    assert len(found) == 6
    assert {task.removeprefix("wellness_") for task, rows in found.items() if rows[0][1] == ["yes"]} == {
        "physical",
        "vocational",
    }


def test_cams_raw_reads_both_files_whatever_their_columns_are_called(tmp_path: Path) -> None:
    write(tmp_path / "cams-raw/IntentSDCNL_Training.csv", "selftext,ANNOTATIONS,Interpretations\nno job,2,no job\n")
    (tmp_path / "cams-raw/added_CAMS_data.csv").write_bytes(b"selftext,cause,inference\nshe\x92s gone,4,\n")
    first, second = records("cams-raw", tmp_path)
    assert (first.labels, first.evidence[0].end) == (["jobs and career"], 6)
    assert (second.text, second.labels, second.evidence) == ("she’s gone", ["relationship"], [])


def test_cp(tmp_path: Path) -> None:
    for name in ("train", "dev", "test"):
        write(tmp_path / f"cp/{name}.txt", "又要考试了\t触发性事件##学习工作,触发性事件\n")
    assert [record.split for record in records("cp", tmp_path)] == ["train", "validation", "test"]


@pytest.mark.parametrize("name", ["simplifyweibo"])
def test_ordinary_posts_are_assumed_to_hold_no_distortion(tmp_path: Path, name: str) -> None:
    for file in load_source(name).files:
        write(tmp_path / file.path, "今天下雨\n")
    assert all(record.labels == [] and record.meta["assumed"] is True for record in records(name, tmp_path))
