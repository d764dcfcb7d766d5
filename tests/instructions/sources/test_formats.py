"""One table in every format gives the same records; what stands in other formats is found as well."""

import gzip
import json
import lzma
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from instructions.sources.rows import stems
from mentalglm.errors import UserError
from tests.instructions.sources.made import jsonl, read, source, write

ROWS: list[dict[str, Any]] = [
    {"text": "今天把票都订好了，\n“就这样吧”", "label": "高自杀风险", "who": 7},
    {"text": "晚饭吃了面", "label": "低自杀风险", "who": 8},
]


def csv_of(separator: str = ",") -> str:
    lines = [separator.join(f'"{cell}"' for cell in row.values()) for row in ROWS]
    return "\n".join([separator.join(ROWS[0]), *lines]) + "\n"


def make(path: Path) -> None:
    kind = "".join(path.suffixes)
    if kind == ".xlsx":
        book = openpyxl.Workbook()
        for row in [list(ROWS[0]), *(list(row.values()) for row in ROWS)]:
            book.active.append(row)
        book.save(path)
    elif kind == ".parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    elif kind == ".jsonl.gz":
        path.write_bytes(gzip.compress(jsonl(*ROWS).encode()))
    elif kind == ".jsonl.xz":
        path.write_bytes(lzma.compress(jsonl(*ROWS).encode()))
    else:
        text = {".csv": csv_of(), ".tsv": csv_of("\t"), ".json": json.dumps(ROWS), ".jsonl": jsonl(*ROWS)}
        write(path, text[kind])


@pytest.mark.parametrize(
    "name", ["a.csv", "a.tsv", "a.xlsx", "a.json", "a.jsonl", "a.jsonl.gz", "a.jsonl.xz", "a.parquet"]
)
def test_every_format_gives_the_same_records(tmp_path: Path, name: str) -> None:
    make(tmp_path / name)
    records, faults = read(source(files=[name], group="who", meta=["who"]), tmp_path)
    assert not faults
    assert [record.text for record in records] == [row["text"] for row in ROWS]
    assert [record.labels for record in records] == [["高自杀风险"], ["低自杀风险"]]
    assert [record.group for record in records] == ["lab:7", "lab:8"]
    assert [str(record.meta["who"]) for record in records] == ["7", "8"]
    stem = name.removesuffix(".gz").removesuffix(".xz") if name.count(".") > 1 else "a"
    assert [record.id for record in records] == [f"lab:{stem}:{k}:suicide_risk" for k in (0, 1)]
    first = records[0]
    assert (first.split, first.explanation, first.explanation_by, first.evidence) == ("train", None, "none", [])
    assert (first.source, first.license, first.language, first.annotations) == ("lab", "NOASSERTION", "zh", [])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16"])
def test_encodings_of_chinese_tables(tmp_path: Path, encoding: str) -> None:
    write(tmp_path / "a.csv", csv_of(), encoding)
    records, _ = read(source(), tmp_path)
    assert [record.text for record in records] == [row["text"] for row in ROWS]


def test_one_bad_row_never_stops_a_file(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "text,label\n第一,低自杀风险\n二,三,四\n  ,低自杀风险\n第四,低自杀风险\n")
    records, faults = read(source(), tmp_path)
    assert [record.id for record in records] == ["lab:a:0:suicide_risk", "lab:a:3:suicide_risk"]
    assert [(fault.id, fault.reason) for fault in faults] == [
        ("lab:a:1", "3 fields under 2 columns; quote the text"),
        ("lab:a:2", "empty text"),
    ]


def test_bad_lines_of_jsonl_carry_a_reason_without_their_text(tmp_path: Path) -> None:
    good = {"text": "好", "label": "低自杀风险"}
    text = jsonl(good) + '{"text": 秘密\n[1]\n' + jsonl({**good, "text": {"秘密": 1}}, {**good, "text": "\ud800"})
    (tmp_path / "a.jsonl").write_text(text.replace("\ud800", "\\ud800"), encoding="utf-8")
    records, faults = read(source(files=["a.jsonl"]), tmp_path)
    assert len(records) == 1
    assert [fault.reason for fault in faults] == [
        "not valid JSON at column 10",
        "not a JSON object",
        "the post is not a text",
        "the text holds half a surrogate pair",
    ]


def test_a_column_missing_from_parquet_or_json_is_one_line(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist([{"text": "好", "Label": "1"}]), tmp_path / "a.parquet")
    with pytest.raises(UserError, match=r"a\.parquet: no column 'label'; columns found: text, Label"):
        read(source(files=["a.parquet"]), tmp_path)
    write(tmp_path / "a.json", json.dumps([{"post": "好", "label": "1"}]))
    with pytest.raises(UserError, match=r"a\.json: no column 'text'; columns found: post, label"):
        read(source(files=["a.json"]), tmp_path)


@pytest.mark.parametrize("name", ["a.parquet", "a.json", "a.xlsx"])
def test_a_broken_file_is_one_line(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, "not what it says")
    with pytest.raises(UserError, match=name.replace(".", r"\.")):
        read(source(files=[name]), tmp_path)


def test_sheets_header_rows_and_other_names(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for number, title in enumerate(["甲组", "乙组", "说明"]):
        page = book.active if number == 0 else book.create_sheet()
        page.title = title
        for row in [["二〇二四年标注", None], ["内容", "风险"], [f"{title}一", 1], [f"{title}二", 0]]:
            page.append(row)
    book.save(tmp_path / "lab.xlsx")
    wanted = source(
        files=[
            {
                "path": "lab.xlsx",
                "sheets": ["甲组", "乙组"],
                "header_row": 2,
                "rename": {"内容": "text", "风险": "label"},
            }
        ],
        tasks=[{"task": "suicide_risk", "labels": "label", "map": {"1": "高自杀风险", "0": "低自杀风险"}}],
    )
    records, faults = read(wanted, tmp_path)
    assert not faults
    assert [record.text for record in records] == ["甲组一", "甲组二", "乙组一", "乙组二"]
    assert records[2].id == "lab:lab/乙组:0:suicide_risk"
    with pytest.raises(UserError, match=r"no sheet '丙组'; sheets found: 甲组, 乙组, 说明"):
        read(source(files=[{"path": "lab.xlsx", "sheets": ["丙组"]}]), tmp_path)


def test_bytes_of_an_old_encoding_between_utf_8(tmp_path: Path) -> None:
    text = "text,label\ncafé it’s,yes\n".encode() + b"it\x92s caf\xe9,no\nbad \x81 byte,no\n"
    (tmp_path / "a.csv").write_bytes(text)
    wanted = source(language="en", encoding="cp1252", tasks=[{"task": "stress", "labels": "label"}])
    records, faults = read(wanted, tmp_path)
    assert [record.text for record in records] == ["café it’s", "it’s café"]
    assert [fault.reason for fault in faults] == ["line 4 holds bytes that are no text in the file's encoding"]


def test_mojibake_is_repaired_where_the_source_says_so(tmp_path: Path) -> None:
    garbled = "It’s fine".encode().decode("mac_roman")
    write(tmp_path / "a.csv", f"text,label,why,words\n{garbled},yes,{garbled} they say,{garbled}\n")
    keys: dict[str, Any] = {"language": "en", "explanation": "why", "evidence": "words"}
    tasks = [{"task": "stress", "labels": "label"}]
    (record,), _ = read(source(**keys, tasks=tasks, repair_mojibake=True), tmp_path)
    assert (record.text, record.explanation) == ("It’s fine", "It’s fine they say")
    assert [(span.start, span.end) for span in record.evidence] == [(0, 9)]
    (record,), _ = read(source(**keys, tasks=tasks), tmp_path)
    assert record.text == garbled


def test_lines_of_text(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "今天下雨\n\n  晚上吃面 \n")
    tasks = [{"task": "cognitive_distortion", "assumed": []}]
    records, _ = read(source(reader="lines", files=["a.txt"], tasks=tasks), tmp_path)
    assert [(record.id, record.text) for record in records] == [
        ("lab:a:0:cognitive_distortion", "今天下雨"),
        ("lab:a:1:cognitive_distortion", "晚上吃面"),
    ]
    assert all(record.labels == [] and record.meta == {"assumed": True} for record in records)


def test_hierarchy(tmp_path: Path) -> None:
    lines = [
        "又要考试了\t触发性事件##学习工作,触发性事件",
        "我什么都不行\t认知歪曲##以偏概全,认知歪曲,情绪反应##情感效应,情绪反应",
        "没有标签",
        "只有父\t驳斥",
        "不认识\t驳斥##别的,驳斥",
    ]
    write(tmp_path / "a.txt", "\n".join(lines))
    wanted = source(reader="hierarchy", files=["a.txt"], tasks=[{"task": "cognitive_pathway"}])
    records, faults = read(wanted, tmp_path)
    assert [record.labels for record in records] == [
        ["触发性事件##学习工作"],
        ["认知歪曲##以偏概全", "情绪反应##情感效应"],
    ]
    assert [fault.reason for fault in faults] == [
        "no tab between the text and its labels",
        "a parent label without any of its children",
        "a label that cognitive_pathway does not have",
    ]


def test_splits_by_file_by_column_and_by_post(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "text,label,part\n一,低自杀风险,dev\n二,低自杀风险,训练\n三,低自杀风险,别的\n")
    files = [{"path": "a.csv", "split": "test"}]
    assert {record.split for record in read(source(files=files), tmp_path)[0]} == {"train"}
    assert {record.split for record in read(source(files=files, splits="file"), tmp_path)[0]} == {"test"}
    records, faults = read(source(splits="column", split_column="part"), tmp_path)
    assert [record.split for record in records] == ["validation", "train"]
    assert [fault.reason for fault in faults] == ["the column 'part' names no split"]


def test_files_of_one_name_are_told_apart_by_their_folders() -> None:
    assert stems(["x/a.csv", "y/b.csv"]) == ["a", "b"]
    assert stems(["x/train.csv", "y/train.csv", "y/val.csv"]) == ["x-train", "y-train", "y-val"]
    assert stems(["a.csv", "a.tsv"]) == ["a.csv", "a.tsv"]
    assert stems(["a.xlsx", "a.xlsx"]) == ["a", "a"]
