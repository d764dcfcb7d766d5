"""The open corpus as committed: every record valid, every count as the data card says, no group on both sides."""

from collections import Counter
from pathlib import Path

import pytest

from instructions.records import Record, read_records
from instructions.split import split_of
from instructions.validate import validate

RECORDS = Path(__file__).parents[2] / "instructions" / "open" / "records"
POST_TASKS = [
    "suicide_risk",
    "suicide_level",
    "cognitive_distortion",
    "cognitive_pathway",
    "emotional_safety",
    "risk_category",
]
TEST_SETS = {"suicidal_ideation": 200, "therapy_request": 240, "therapy_engagement": 72}


def records(task: str) -> list[Record]:
    return [record for _, record in read_records(RECORDS / f"{task}.jsonl") if isinstance(record, Record)]


def test_every_record_is_valid() -> None:
    report = validate(sorted(RECORDS.glob("*.jsonl")))
    assert report.problems == []
    assert sum(report.counts.values()) == 2474 * len(POST_TASKS) + sum(TEST_SETS.values())


@pytest.mark.parametrize("task", POST_TASKS)
def test_a_post_task_has_every_post_and_the_card_s_split_sizes(task: str) -> None:
    assert Counter(record.split for record in records(task)) == {"train": 2010, "validation": 265, "test": 199}


@pytest.mark.parametrize(("task", "size"), TEST_SETS.items())
def test_a_test_set_is_test_as_a_whole_and_balanced(task: str, size: int) -> None:
    found = records(task)
    assert {record.split for record in found} == {"test"}
    counts = Counter(record.labels[0] for record in found)
    assert sum(counts.values()) == size
    assert len(set(counts.values())) == 1


def test_the_split_of_a_group_never_moves() -> None:
    known = {"A-001": "train", "M-001": "train", "A-003": "validation", "M-005": "validation"}
    known |= {"A-008": "test", "M-013": "test"}
    assert {group: split_of(group) for group in known} == known
    shares = Counter(split_of(f"group {k}") for k in range(5000))
    assert shares["test"] / 5000 == pytest.approx(0.08, abs=0.015)
    assert shares["validation"] / 5000 == pytest.approx(0.10, abs=0.015)


def test_a_minimal_pair_shares_its_group_and_its_split() -> None:
    pairs: dict[str, set[str]] = {}
    for record in records("suicide_risk"):
        number = record.id.split(":")[1]
        if number.startswith("M-"):
            first = f"M-{(int(number[2:]) - 1) // 2 * 2 + 1:03d}"
            assert record.group == first
            pairs.setdefault(first, set()).add(record.split)
        else:
            assert record.group == number
    assert len(pairs) > 50
    assert all(len(splits) == 1 for splits in pairs.values())


def test_no_text_is_on_both_sides_of_a_split() -> None:
    splits: dict[str, set[str]] = {}
    for task in POST_TASKS:
        for record in records(task):
            splits.setdefault("".join(filter(str.isalnum, record.text or "")), set()).add(record.split)
    assert sum(len(found) > 1 for found in splits.values()) == 0


def test_a_quoted_string_is_marked_where_inference_would_find_it() -> None:
    for task in POST_TASKS:
        for record in records(task):
            text = record.text or ""
            for span in record.evidence:
                assert text.find(text[span.start : span.end]) == span.start, record.id
