"""Constant answers and TF-IDF: what they say, what they cannot say."""

import numpy as np
import pytest

from eval.baselines import Lesson, learn
from mentalglm.errors import UserError
from mentalglm.readers import LabelledRow
from mentalglm.tasks import load_task

RISK, DISTORTION = load_task("suicide_risk"), load_task("cognitive_distortion")
HIGH, LOW = RISK.label_names


def rows(*labels: tuple[str, ...]) -> list[LabelledRow]:
    return [LabelledRow(i, str(i), f"第{i}天，照常上班", label, str(i)) for i, label in enumerate(labels)]


def test_majority_says_the_commonest_label_and_how_common_it_is() -> None:
    answers = learn("majority", Lesson(RISK, rows((LOW,), (LOW,), (HIGH,)))).answer(["甲", "乙"])
    assert [answer.labels for answer in answers] == [[LOW], [LOW]]
    assert answers[0].probabilities == {HIGH: pytest.approx(1 / 3), LOW: pytest.approx(2 / 3)}
    assert answers[0].text == "甲" and answers[0].crisis == "none"
    many = learn("majority", Lesson(DISTORTION, rows(("读心术",), ("读心术", "放大"), ())))
    assert many.answer(["甲"])[0].labels == ["读心术"]


def test_always_positive_raises_the_alarm_where_there_is_one() -> None:
    (answer,) = learn("always-positive", Lesson(RISK, rows((LOW,)))).answer(["甲"])
    assert answer.labels == [HIGH] and answer.crisis == "urgent"
    with pytest.raises(UserError, match="has no positive label"):
        learn("always-positive", Lesson(DISTORTION, rows(("读心术",))))


def test_tfidf_tells_classes_apart_and_knows_a_label_that_is_always_there() -> None:
    train = [
        LabelledRow(i, str(i), ("药备好了" if i % 2 else "照常上班") * 2, ("读心术",) * (i % 2), "") for i in range(20)
    ]
    learned = learn("tfidf", Lesson(DISTORTION, train))
    assert [answer.labels for answer in learned.answer(["药备好了", "照常上班"])] == [["读心术"], []]
    assert learned.answer(["甲"])[0].probabilities["放大"] == 0  # never seen in training
    (single,) = learn("tfidf", Lesson(RISK, rows((LOW,), (LOW,)))).answer(["照常上班"])
    assert single.labels == [LOW] and single.probabilities[LOW] == 1
    assert np.isclose(sum(filter(None, single.probabilities.values())), 1)


@pytest.mark.parametrize("name", ["majority", "always-positive", "tfidf", "encoder:tiny"])
def test_without_training_rows(name: str) -> None:
    with pytest.raises(UserError, match="rows of split train"):
        learn(name, Lesson(RISK, []))


def test_tfidf_without_a_word_that_recurs() -> None:
    with pytest.raises(UserError, match="no words recur"):
        learn("tfidf", Lesson(RISK, [LabelledRow(0, "0", "甲", (LOW,), "0"), LabelledRow(1, "1", "乙", (HIGH,), "1")]))
