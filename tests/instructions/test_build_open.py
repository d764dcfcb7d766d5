"""Building open.yaml: the same hash twice, nothing of the test split, and every answer reads back to its record."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from instructions.build import build
from instructions.records import Record, read_records
from mentalglm.answer import parse_answer
from mentalglm.tasks import load_task
from mentalglm.text_checks import gives_advice, names_level

ROOM = Path(__file__).parents[2] / "instructions"
CONFIG = ROOM / "configs" / "open.yaml"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("open")
    build(CONFIG, out / "no-data", out)
    return out


@pytest.fixture(scope="module")
def rows(built: Path) -> list[dict[str, Any]]:
    return [row for split in ("train", "validation") for row in pq.read_table(built / f"{split}.parquet").to_pylist()]


@pytest.fixture(scope="module")
def records() -> dict[str, Record]:
    files = (ROOM / "open" / "records").glob("*.jsonl")
    return {r.id: r for file in files for _, r in read_records(file) if isinstance(r, Record)}


def test_twice_the_same(built: Path, tmp_path: Path) -> None:
    build(CONFIG, tmp_path, tmp_path)
    for name in ("corpus.sha256", "README.md", "quarantine.jsonl", "dataset_info.json"):
        assert (tmp_path / name).read_bytes() == (built / name).read_bytes()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_another_seed_gives_another_order_of_the_same_rows(built: Path, tmp_path: Path) -> None:
    config = tmp_path / "other.yaml"
    text = CONFIG.read_text(encoding="utf-8").replace("seed: 1", "seed: 2")
    config.write_text(text.replace("../open/records", str(ROOM / "open" / "records")), encoding="utf-8")
    build(config, tmp_path, tmp_path / "out")
    first, other = (pq.read_table(folder / "train.parquet")["id"].to_pylist() for folder in (built, tmp_path / "out"))
    assert sorted(first) == sorted(other)
    assert first != other
    assert first != sorted(first)


def test_the_columns_are_exactly_those_of_the_format(built: Path) -> None:
    schema = pq.read_schema(built / "train.parquet")
    assert schema.names == ["id", "messages", "task", "source", "split", "weight"]
    assert str(schema.field("messages").type) == "list<element: struct<role: string, content: string>>"
    assert str(schema.field("weight").type) == "double"
    info = json.loads((built / "dataset_info.json").read_text(encoding="utf-8"))
    assert {entry["file_name"] for entry in info.values()} == {"train.parquet", "validation.parquet"}
    assert info["open_train"]["tags"]["content_tag"] == "content"


def test_nothing_of_a_test_group_is_written(rows: list[dict[str, Any]], records: dict[str, Record]) -> None:
    held = {record.group for record in records.values() if record.split == "test"}
    texts = {record.text for record in records.values() if record.split == "test" and record.text}
    assert len(texts) > 199
    assert not any(records[row["id"]].group in held for row in rows)
    prompts = {load_task(task).styles["grounded"].prompt for task in {row["task"] for row in rows}}
    asked = {prompt.replace("{post}", text) for prompt in prompts for text in texts}
    assert asked.isdisjoint(row["messages"][0]["content"] for row in rows)
    assert all(row["split"] == records[row["id"]].split for row in rows)


def test_every_answer_parses_back_to_its_record(rows: list[dict[str, Any]], records: dict[str, Record]) -> None:
    for row in rows:
        record, task = records[row["id"]], load_task(row["task"])
        assert [message["role"] for message in row["messages"]] == ["user", "assistant"]
        assert record.text in row["messages"][0]["content"]
        answer = parse_answer(row["messages"][1]["content"], task, "grounded")
        assert answer is not None, row["id"]
        assert sorted(answer.labels) == sorted(record.labels)
        assert answer.explanation == record.explanation
        quoted = {(quote.text, quote.label) for quote in answer.evidence or ()}
        assert quoted == {((record.text or "")[s.start : s.end], s.label) for s in record.evidence}


def test_labels_come_in_random_order_and_pathway_quotes_in_reading_order(
    rows: list[dict[str, Any]], records: dict[str, Record]
) -> None:
    moved = several = 0
    for row in rows:
        record, task = records[row["id"]], load_task(row["task"])
        answer = parse_answer(row["messages"][1]["content"], task, "grounded")
        assert answer is not None
        if len(record.labels) == 2:
            several += 1
            moved += list(answer.labels) != record.labels
        if task.kind == "spans":
            places = [(record.text or "").index(quote.text) for quote in answer.evidence or ()]
            assert places == sorted(places)
    assert 0.4 < moved / several < 0.6


def test_advice_and_levels_are_quarantined_without_their_text(
    built: Path, rows: list[dict[str, Any]], records: dict[str, Record]
) -> None:
    for row in rows:
        explanation = records[row["id"]].explanation or ""
        assert not gives_advice(explanation)
        assert not (row["task"] == "suicide_risk" and names_level(explanation))
    assert any(row["task"] == "suicide_level" and names_level(records[row["id"]].explanation or "") for row in rows)
    lines = (built / "quarantine.jsonl").read_text(encoding="utf-8").splitlines()
    assert 300 < len(lines) < 1500
    assert all(set(json.loads(line)) == {"id", "source", "reason"} for line in lines)
    wanted = [r for r in records.values() if r.source == "open-corpus" and r.split != "test"]
    assert len(rows) + len(lines) == len(wanted)


def test_rows_can_be_kept_without_an_unsound_explanation(tmp_path: Path) -> None:
    config = tmp_path / "all.yaml"
    folder = ROOM / "open" / "records"
    config.write_text(f"name: all\nrecords: {{folder: '{folder}', tasks: [suicide_risk]}}", encoding="utf-8")
    found = build(config, tmp_path, tmp_path / "out")
    assert (len(found.rows), found.quarantined) == (2275, [])
    assert sum(not row.explained for row in found.rows) == len(found.screened.without) > 200


def test_the_embedded_model_was_trained_on_exactly_this(built: Path) -> None:
    manifest = ROOM.parent / "mentalglm" / "weights" / "embedded" / "mentalglm.json"
    taught = json.loads(manifest.read_text(encoding="utf-8"))["corpus_sha256"]
    assert (built / "corpus.sha256").read_text(encoding="utf-8").strip() == taught


def test_only_what_may_be_handed_on_is_in_it(built: Path, rows: list[dict[str, Any]]) -> None:
    assert {row["source"] for row in rows} == {"open-corpus"}
    assert "否 / no" not in (built / "README.md").read_text(encoding="utf-8")


def test_the_card_counts_and_quotes_nothing(built: Path, records: dict[str, Record]) -> None:
    text = (built / "README.md").read_text(encoding="utf-8")
    assert "| cognitive_distortion | zh | train |" in text
    assert (built / "corpus.sha256").read_text(encoding="utf-8").strip() in text
    assert not any(record.text and record.text in text for record in records.values())
