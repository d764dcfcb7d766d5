"""Label scores are the model's own probabilities; deciding follows the kind of the task."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mentalglm.answer import render_head
from mentalglm.calibration import Calibration, LabelCalibration
from mentalglm.decoding.context import Context, read
from mentalglm.decoding.labels import decide, label_probabilities, label_scores
from mentalglm.prompt import build_messages, encode_prompt, encode_text
from mentalglm.tasks import load_task, task_names
from tests.tiny import SENTENCES, TASKS, tiny_tokenizer

ONE = [name for name in TASKS if not load_task(name).many]
MANY = [name for name in TASKS if load_task(name).many]


def context_of(model: Any, task: str) -> Context:
    messages = [build_messages(post, load_task(task), "grounded") for post in SENTENCES[:3]]
    return read(model, [encode_prompt(tiny_tokenizer(), one) for one in messages])


@pytest.fixture(autouse=True)
def _no_gradients() -> Any:
    with torch.inference_mode():
        yield


@pytest.mark.parametrize("name", ONE)
def test_one_label_scores_as_its_whole_sentence(sharp_model: Any, name: str) -> None:
    task = load_task(name)
    context = context_of(sharp_model, name)
    scores = label_scores(context, task, "grounded", tiny_tokenizer())
    heads = [encode_text(tiny_tokenizer(), render_head((label,), task, "grounded")) for label in task.label_names]
    torch.testing.assert_close(scores, context.score(heads))
    assert scores.shape == (3, len(task.labels)) and (scores < 0).all()


@pytest.mark.parametrize("name", MANY)
def test_a_label_of_many_scores_by_coming_first_against_none(sharp_model: Any, name: str) -> None:
    task = load_task(name)
    style = task.styles["grounded"]
    context = context_of(sharp_model, name)
    scores = label_scores(context, task, "grounded", tiny_tokenizer())
    before, after = style.head.split("{labels}")

    def p(text: str) -> torch.Tensor:
        return context.score([encode_text(tiny_tokenizer(), text)])[:, 0].double().exp()

    for column, label in enumerate(task.label_names):
        first = p(before + label + after) + p(before + label + style.separator)
        expected = first.log() - p(style.none or "").log()
        torch.testing.assert_close(scores[:, column].double(), expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("name", task_names())
def test_probabilities_are_a_distribution_or_one_per_label(name: str) -> None:
    task = load_task(name)
    scores = torch.randn(5, len(task.labels), generator=torch.Generator().manual_seed(0)) * 5
    probabilities = label_probabilities(scores, task, Calibration())
    assert probabilities.shape == scores.shape
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    if not task.many:
        torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(5))
    else:
        torch.testing.assert_close(probabilities, scores.sigmoid())


def test_a_temperature_flattens_and_keeps_the_order() -> None:
    task = load_task("emotional_safety")
    scores = torch.tensor([[1.0, 3.0, 2.0]])
    plain = label_probabilities(scores, task, Calibration())
    flat = label_probabilities(scores, task, Calibration(temperature=4.0))
    assert flat.argsort().tolist() == plain.argsort().tolist()
    assert flat.max() < plain.max()
    torch.testing.assert_close(flat, (scores / 4).softmax(dim=1))


def test_slopes_belong_to_their_labels() -> None:
    task = load_task("risk_category")
    calibration = Calibration(labels={"自杀与自伤": LabelCalibration(a=2.0, b=-1.0)})
    scores = torch.full((1, 6), 0.75)
    probabilities = label_probabilities(scores, task, calibration)[0].tolist()
    usual, changed = 1 / (1 + math.exp(-0.75)), 1 / (1 + math.exp(-0.5))
    assert probabilities == pytest.approx([usual] * 5 + [changed])


# Deciding.

LEVEL, SAFETY = load_task("suicide_level"), load_task("emotional_safety")
RISK, DISTORTION = load_task("suicide_risk"), load_task("cognitive_distortion")


def levels(**known: float) -> list[float]:
    return [known.get(f"l{level}", 0.0) for level in range(11)]


def thresholds(**known: float) -> Calibration:
    return Calibration(labels={name: LabelCalibration(threshold=value) for name, value in known.items()})


@pytest.mark.parametrize(
    ("row", "label"),
    [
        (levels(l3=1.0), "3"),
        (levels(l0=1.0), "0"),
        (levels(l10=1.0), "10"),
        (levels(l0=0.4, l5=0.3, l9=0.3), "5"),  # the median, neither the most probable level nor the mean
        (levels(l0=0.5, l10=0.5), "0"),
        (levels(l0=0.49, l10=0.51), "10"),
        ([1 / 11] * 11, "5"),
        ([0.0454] * 11, "10"),  # rounding must not leave a post without a level
    ],
)
def test_an_ordinal_answer_is_the_median(row: list[float], label: str) -> None:
    assert decide(row, LEVEL, Calibration()) == [label]


def test_a_single_answer_is_the_most_probable_label() -> None:
    assert decide([0.2, 0.5, 0.3], SAFETY, Calibration()) == ["临界"]
    # Thresholds are for two labels; of three the most probable one stands.
    assert decide([0.2, 0.5, 0.3], SAFETY, thresholds(不安全=0.1)) == ["临界"]


@pytest.mark.parametrize(
    ("p", "threshold", "label"),
    [
        (0.5, 0.5, "高自杀风险"),
        (0.499, 0.5, "低自杀风险"),
        (0.3, 0.3, "高自杀风险"),
        (0.29, 0.3, "低自杀风险"),
        (0.8, 0.9, "低自杀风险"),
    ],
)
def test_of_two_labels_the_positive_one_is_taken_from_its_threshold_on(p: float, threshold: float, label: str) -> None:
    assert decide([p, 1 - p], RISK, thresholds(高自杀风险=threshold)) == [label]


def test_the_positive_label_is_found_wherever_it_stands() -> None:
    for name in task_names():
        task = load_task(name)
        if task.binary_label is None:
            continue
        row = [0.7 if label == task.binary_label else 0.3 for label in task.label_names]
        assert decide(row, task, Calibration()) == [task.binary_label]
        strict = Calibration(labels={task.binary_label: LabelCalibration(threshold=0.8)})
        assert decide(row, task, strict) != [task.binary_label]


def test_many_labels_are_those_at_or_above_their_thresholds_in_canonical_order() -> None:
    row = [0.5 if k % 3 == 0 else 0.2 for k in range(12)]
    assert decide(row, DISTORTION, Calibration()) == DISTORTION.label_names[::3]
    assert decide([0.1] * 12, DISTORTION, Calibration()) == []
    assert decide([0.1] * 12, DISTORTION, thresholds(放大=0.1)) == ["放大"]
    assert decide([0.9] * 12, DISTORTION, Calibration()) == DISTORTION.label_names


@settings(max_examples=300, deadline=None, derandomize=True)
@given(name=st.sampled_from(task_names()), data=st.data())
def test_every_decision_is_one_the_task_allows(name: str, data: st.DataObject) -> None:
    task = load_task(name)
    scores = data.draw(st.lists(st.floats(-200, 200), min_size=len(task.labels), max_size=len(task.labels)))
    row = label_probabilities(torch.tensor([scores]), task, Calibration())[0].tolist()
    labels = decide(row, task, Calibration())
    assert labels == [label for label in task.label_names if label in labels]
    assert task.many or len(labels) == 1
