"""Which explanations are shown: train split, labels covered, the same for equal labels, never the post itself."""

from pathlib import Path

import pytest

from instructions.explain.examples import OPEN_CORPUS, Examples, read_examples
from mentalglm.errors import UserError
from tests.instructions.explain.records import record, write


@pytest.fixture(scope="module")
def corpus() -> Examples:
    return read_examples(OPEN_CORPUS, ["suicide_risk", "suicide_level", "cognitive_distortion", "depression"])


def test_only_sound_train_examples_and_none_of_the_gravest(corpus: Examples) -> None:
    assert len(corpus.by_task["suicide_risk"]) > 1000 and corpus.by_task["depression"] == []
    assert {one.split for pool in corpus.by_task.values() for one in pool} == {"train"}
    assert not any(one.labels == ["10"] for one in corpus.by_task["suicide_level"])
    grave = {line["group"] for line in _lines("suicide_level") if line["labels"] == ["10"]}
    assert grave and not grave & {one.group for one in corpus.by_task["suicide_risk"]}


def test_own_labels_come_last_and_others_are_shown(corpus: Examples) -> None:
    asked = record(task="cognitive_distortion", labels=["先知错误", "乱贴标签"])
    chosen = corpus.choose(asked, 4, seed=1)
    assert len(chosen) == 4
    shown = {label for one in chosen for label in one.labels}
    assert {"先知错误", "乱贴标签"} <= shown and len(shown) > 2
    assert set(chosen[-1].labels) & {"先知错误", "乱贴标签"}
    none = corpus.choose(record(task="cognitive_distortion", labels=[]), 2, seed=1)
    assert none[-1].labels == [] and none[0].labels != []


def test_equal_labels_get_equal_examples_and_the_seed_decides(corpus: Examples) -> None:
    one, other = record(), record("换了工作，还在适应。", id="mine:2", group="mine:2")
    assert corpus.choose(one, 3, 0) == corpus.choose(other, 3, 0)
    assert corpus.choose(one, 3, 0) != corpus.choose(one, 3, 1)
    assert corpus.choose(one, 0, 0) == []


def test_a_record_is_never_its_own_example(corpus: Examples) -> None:
    first = corpus.choose(record(), 3, 0)[0]
    again = corpus.choose(record(first.text or "", labels=["低自杀风险"]), 3, 0)
    assert first not in again and len(again) == 3


def test_examples_with_personal_data_are_not_shown(tmp_path: Path) -> None:
    words = "文字里说到「没有睡好」，是一般的疲惫，没有求死的念头。"
    safe = record("昨晚没有睡好，有点累。", explanation=words, explanation_by="human")
    private = safe.model_copy(update={"id": "mine:2", "text": "昨晚没有睡好，打 13800138000 找我。"})
    write(tmp_path / "suicide_risk.jsonl", [safe, private])
    assert [one.id for one in read_examples(tmp_path, ["suicide_risk"]).by_task["suicide_risk"]] == ["mine:1"]


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        read_examples(tmp_path / "none", ["suicide_risk"])


def _lines(task: str) -> list[dict[str, object]]:
    from tests.instructions.explain.records import read

    return read(OPEN_CORPUS / f"{task}.jsonl")
