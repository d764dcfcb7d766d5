"""The mixture: an exact total, quotas that add up, explained rows first, repeats in other words and within bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instructions.config import Mixture
from instructions.instruction import instruction_of
from instructions.mixture import Drawn, allocate, mix
from instructions.screen import Row
from mentalglm.answer import parse_answer
from mentalglm.errors import UserError
from mentalglm.tasks import load_task
from tests.instructions.made import record

WORDS = "文中只写日常起居，没有求死或伤害的意思，语气平稳，因此归为安全。"


def row(
    number: int, task: str = "emotional_safety", explained: bool = False, assumed: bool = False, **more: object
) -> Row:
    labels = {"emotional_safety": ["安全"], "stress": ["yes"], "cognitive_distortion": []}[task]
    words = {"explanation": WORDS, "explanation_by": "llm"} if explained else {}
    language = load_task(task).language
    made = record(f"第{number}天", id=f"{task}:{number}", task=task, labels=labels, language=language, **words, **more)
    return Row(made, f"{number}", assumed, False, ())


def drawn(rows: list[Row], seed: int = 1, **settings: object) -> list[Drawn]:
    return mix(rows, Mixture.model_validate(settings), "grounded", seed)


def ids(found: list[Drawn]) -> set[str]:
    return {one.row.record.id for one in found}


@given(
    st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(0, 500), min_size=1, max_size=8),
    st.floats(0, 1),
    st.floats(1, 20),
)
def test_quotas_add_up_and_none_exceeds_what_is_there(
    available: dict[str, int], part: float, temperature: float
) -> None:
    total = int(part * sum(available.values()))
    quotas = allocate(available, total, temperature)
    assert sum(quotas.values()) == total
    assert all(0 <= quotas[task] <= available[task] for task in available)


def test_temperature_keeps_or_evens_the_proportions() -> None:
    available = {"large": 9000, "small": 1000}
    assert allocate(available, 1000, 1) == {"large": 900, "small": 100}
    assert allocate(available, 1000, 2) == {"large": 750, "small": 250}  # square roots: 3 to 1
    assert allocate(available, 1000, 1e9) == {"large": 500, "small": 500}
    assert allocate({"large": 9000, "small": 100}, 1000, 1e9) == {"large": 900, "small": 100}


def test_more_than_there_is_cannot_be_divided() -> None:
    with pytest.raises(ValueError, match="11 of 10"):
        allocate({"a": 10}, 11, 1)


def test_explained_rows_come_first_and_assumed_ones_last() -> None:
    task = "cognitive_distortion"
    rows = [row(n, task) for n in range(40)] + [row(100 + n, task, assumed=True) for n in range(40)]
    rows += [row(200 + n, task, explained=True) for n in range(40)]
    chosen = [one.row for one in drawn(rows, total=90, max_assumed=0.5)]
    assert sum(one.record.explanation is not None for one in chosen) == 40
    assert sum(one.assumed for one in chosen) == 10


def test_assumed_labels_stay_within_their_share() -> None:
    task = "cognitive_distortion"
    rows = [row(n, task) for n in range(80)] + [row(100 + n, task, assumed=True) for n in range(80)]
    assert sum(one.row.assumed for one in drawn(rows, total=88, max_assumed=0.1)) == 8


def test_missing_pairs_are_asked_about_again_in_other_words() -> None:
    rows = [row(n) for n in range(90)]
    found = drawn(rows, total=100, max_repeats=0.15)
    assert len(found) == 100 and len(ids(found)) == 90
    first = {one.row.record.id: one.phrasing for one in found if not one.repeat}
    again = [one for one in found if one.repeat]
    assert len(again) == 10
    assert all(one.phrasing != first[one.row.record.id] for one in again)


def test_what_cannot_be_reached_is_said_with_what_can() -> None:
    with pytest.raises(
        UserError, match=r"200 asked for, 100 pairs .* 30 may be asked about again; lower the total to 130"
    ):
        drawn([row(n) for n in range(100)], total=200)


def test_languages_get_their_shares() -> None:
    rows = [row(n) for n in range(300)] + [row(n, "stress") for n in range(300)]
    found = drawn(rows, total=200, language_share={"zh": 0.75, "en": 0.25})
    assert sum(one.row.record.language == "zh" for one in found) == 150
    with pytest.raises(ValueError, match="add up to 1"):
        drawn(rows, total=200, language_share={"zh": 0.75})


def test_validation_asks_in_the_canonical_words_and_training_varies() -> None:
    rows = [row(n, split="validation" if n % 2 else "train") for n in range(200)]
    found = drawn(rows)
    assert {one.phrasing for one in found if one.row.record.split == "validation"} == {0}
    variants = len(load_task("emotional_safety").styles["grounded"].variants)
    assert {one.phrasing for one in found if one.row.record.split == "train"} == set(range(variants + 1))
    assert {one.phrasing for one in drawn(rows, phrasings="canonical")} == {0}


def test_the_seed_draws() -> None:
    rows = [row(n) for n in range(100)]
    assert ids(drawn(rows, total=50)) == ids(drawn(rows[::-1], total=50))
    assert ids(drawn(rows, total=50)) != ids(drawn(rows, seed=2, total=50))


def test_assumed_labels_stay_within_their_share_where_no_total_is_stated() -> None:
    task = "cognitive_distortion"
    rows = [row(n, task) for n in range(85)] + [row(100 + n, task, assumed=True) for n in range(400)]
    found = drawn(rows)
    assert (len(found), sum(one.row.assumed for one in found)) == (100, 15)


def test_where_no_total_is_stated_there_are_fifty_thousand_at_most() -> None:
    rows = [row(n) for n in range(50_200)]
    assert len(drawn(rows)) == 50_000
    assert len(drawn(rows, total="all")) == 50_200


def test_a_language_share_needs_a_total() -> None:
    with pytest.raises(ValueError, match="divides a total"):
        Mixture.model_validate({"language_share": {"zh": 0.5, "en": 0.5}})


def test_no_task_goes_beyond_its_limit() -> None:
    rows = [row(n) for n in range(100)] + [row(n, "stress") for n in range(30)]
    found = drawn(rows, max_per_task=40)
    assert sum(one.row.record.task == "emotional_safety" for one in found) == 40
    assert len(found) == 70


def test_label_only_copies_come_on_top_each_with_an_order_of_its_own() -> None:
    labels = ["非此即彼", "以偏概全", "读心术", "先知错误"]
    made = record("全完了", id="a", task="cognitive_distortion", labels=labels, evidence=[], split="train")
    held = record("又完了", id="b", task="cognitive_distortion", labels=labels, evidence=[], split="validation")
    found = drawn([Row(made, "a", False, False, ()), Row(held, "b", False, False, ())], label_only_copies=9, total=2)
    made_of = [instruction_of(one, "grounded", 1, 1.0) for one in found]
    copies = [row for row in made_of if row.label_only_copy]
    assert [row.id for row in copies] == [f"a#labels-{number}" for number in range(1, 10)]
    answers = {row.messages[1]["content"] for row in copies}
    assert len(answers) > 5
    read = [parse_answer(answer, load_task("cognitive_distortion"), "grounded") for answer in answers]
    assert all(one is not None and sorted(one.labels) == sorted(labels) for one in read)
    assert all(one is not None and one.evidence is None and one.explanation is None for one in read)
