"""The check of a built corpus finds what is wrong with it, whoever made it so."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from instructions.build import build
from instructions.duplicates import text_key
from instructions.validate_corpus import validate_corpus
from instructions.write import UNFINISHED, write_text
from mentalglm.errors import UserError

ROOM = Path(__file__).parents[2] / "instructions"
CONFIG = """
name: small
records: {{folder: {folder}, tasks: [suicide_risk, cognitive_distortion], splits: [train]}}
mixture: {{total: 300, validation: 0}}
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("small")
    (out / "config.yaml").write_text(CONFIG.format(folder=ROOM / "open" / "records"), encoding="utf-8")
    build(out / "config.yaml", out, out, records_to=out / "records.jsonl")
    return out


@pytest.fixture
def change(built: Path, tmp_path: Path) -> Callable[[Callable[[list[dict[str, Any]]], None]], list[str]]:
    """Spoils a copy of the corpus and returns what the check says of it."""

    def changed(spoil: Callable[[list[dict[str, Any]]], None]) -> list[str]:
        for name in ("corpus.json", "corpus.sha256", "quarantine.jsonl"):
            write_text(tmp_path / name, (built / name).read_text(encoding="utf-8"))
        table = pq.read_table(built / "train.parquet")
        rows = table.to_pylist()
        spoil(rows)
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), tmp_path / "train.parquet")
        report = validate_corpus(tmp_path, [], built / "records.jsonl")
        return [reason for row, reason in report.problems if row != "corpus.sha256"]

    return changed


def test_a_good_corpus_has_no_problems_and_is_counted(built: Path) -> None:
    report = validate_corpus(built, [ROOM / "open" / "records" / "suicide_level.jsonl"], built / "records.jsonl")
    assert report.problems == []
    assert report.counts["instructions"] == report.counts["distinct (post, task) pairs"] == 300
    assert report.counts["evidence quotations"] > 100


def test_spoiled_rows_are_found(change: Callable[..., list[str]]) -> None:
    def invented_evidence(rows: list[dict[str, Any]]) -> None:
        row = next(row for row in rows if "「" in row["messages"][1]["content"].split("理由")[0])
        row["messages"][1]["content"] = row["messages"][1]["content"].replace("「", "「谁也没有写过的", 1)

    def no_label(rows: list[dict[str, Any]]) -> None:
        rows[0]["messages"][1]["content"] = "不知道。"

    def another_label(rows: list[dict[str, Any]]) -> None:
        row = next(row for row in rows if "低自杀风险。" in row["messages"][1]["content"])
        row["messages"][1]["content"] = row["messages"][1]["content"].replace("低自杀风险。", "高自杀风险。", 1)

    def twice(rows: list[dict[str, Any]]) -> None:
        rows.append(rows[0] | {"id": rows[0]["id"] + "-again"})

    def another_question(rows: list[dict[str, Any]]) -> None:
        rows[0]["messages"][0]["content"] = "你好"

    def both_splits(rows: list[dict[str, Any]]) -> None:
        rows.append(rows[0] | {"split": "validation"})

    with pytest.raises(UserError, match="rows of another split"):
        change(both_splits)
    assert change(lambda rows: rows.append(rows[0])) == ["the id stands twice"]
    assert change(lambda rows: rows[0]["messages"].pop()) == ["the row is not one question and one answer"]
    assert change(invented_evidence) == ["evidence 0 is not in the post"]
    assert change(no_label) == ["the answer does not parse"]
    assert change(another_label) == ["the labels are not those of the record"]
    assert change(twice) == ["the post stands twice for the task", "the labels are not those of the record"]
    assert change(another_question) == ["the question is in none of the task's words"]
    assert change(lambda rows: None) == []


def test_a_changed_row_changes_the_hash_and_a_held_out_post_is_found(built: Path, tmp_path: Path) -> None:
    rows = pq.read_table(built / "train.parquet")
    for name in ("corpus.json", "corpus.sha256", "quarantine.jsonl"):
        write_text(tmp_path / name, (built / name).read_text(encoding="utf-8"))
    pq.write_table(rows.slice(1), tmp_path / "train.parquet")
    assert validate_corpus(tmp_path, []).problems == [("corpus.sha256", "is not the hash of the rows")]
    record = json.loads((built / "records.jsonl").read_text(encoding="utf-8").splitlines()[0])
    lists = tmp_path / "lists.json"
    write_text(lists, json.dumps({"sets": {"x": [text_key(record["text"])]}}))
    found = {reason for _, reason in validate_corpus(built, [lists]).problems}
    assert found <= {"the post is in a held-out list"}


def test_a_post_in_both_splits_is_found(built: Path, tmp_path: Path) -> None:
    table = pq.read_table(built / "train.parquet")
    first = table.slice(0, 1).to_pylist()[0]
    other = [first | {"id": "copy", "split": "validation"}]
    pq.write_table(table, tmp_path / "train.parquet")
    pq.write_table(pa.Table.from_pylist(other, schema=table.schema), tmp_path / "validation.parquet")
    for name in ("corpus.json", "corpus.sha256"):
        write_text(tmp_path / name, (built / name).read_text(encoding="utf-8"))
    assert ("copy", "the post stands in both splits") in validate_corpus(tmp_path, []).problems


@pytest.mark.parametrize(
    ("name", "content"), [("corpus.json", "{}"), ("corpus.json", "[1"), ("corpus.sha256", None), ("train.parquet", "x")]
)
def test_a_broken_folder_is_one_line(built: Path, tmp_path: Path, name: str, content: str | None) -> None:
    for file in ("corpus.json", "corpus.sha256", "train.parquet"):
        (tmp_path / file).write_bytes((built / file).read_bytes())
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(UserError):
        validate_corpus(tmp_path, [])


def test_an_unfinished_folder_is_refused(built: Path, tmp_path: Path) -> None:
    (tmp_path / "train.parquet").write_bytes((built / "train.parquet").read_bytes())
    (tmp_path / UNFINISHED).touch()
    with pytest.raises(UserError, match="interrupted"):
        validate_corpus(tmp_path, [])


def test_a_quarantined_row_without_a_reason_is_found(built: Path, tmp_path: Path) -> None:
    for name in ("corpus.json", "corpus.sha256"):
        write_text(tmp_path / name, (built / name).read_text(encoding="utf-8"))
    (tmp_path / "train.parquet").write_bytes((built / "train.parquet").read_bytes())
    write_text(tmp_path / "quarantine.jsonl", '{"id": "a", "source": "b", "reason": ""}\n')
    assert validate_corpus(tmp_path, []).problems == [("quarantine.jsonl:1", "has no id or no reason")]
