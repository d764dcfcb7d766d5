"""Balanced weights: scikit-learn's for single labels, a mean of 1 in every task, and nothing where nothing is read."""

import pytest

from mentalglm.answer import Answer
from mentalglm.prompt import build_messages
from mentalglm.tasks import load_task
from tests.train.encoded import row, turn
from train.class_weights import balanced_weights, labels_of


def answered(task: str, *labels: str, style: str = "grounded") -> dict[str, object]:
    messages = build_messages("今天下雨。", load_task(task), style, Answer(labels, None, "如上。"))
    return row(messages, task=task)


def test_single_labels_weigh_as_in_scikit_learn() -> None:
    import numpy as np
    from sklearn.utils.class_weight import compute_sample_weight

    labels = ["高自杀风险"] * 3 + ["低自杀风险"] * 9
    weights = balanced_weights(answered("suicide_risk", label) for label in labels)
    assert weights == pytest.approx(compute_sample_weight("balanced", labels).tolist())
    assert np.mean(weights) == pytest.approx(1.0)


def test_several_labels_weigh_the_mean_of_theirs_and_none_is_a_label() -> None:
    rows = [
        answered("cognitive_distortion", "读心术"),
        answered("cognitive_distortion", "读心术", "放大"),
        answered("cognitive_distortion"),
        answered("cognitive_distortion"),
    ]
    # 读心术 stands in two rows, 放大 in one, none in two.
    raw = [1 / 2, (1 / 2 + 1) / 2, 1 / 2, 1 / 2]
    assert balanced_weights(rows) == pytest.approx([4 * one / sum(raw) for one in raw])


def test_each_task_is_balanced_by_itself_in_whichever_style_it_is_answered() -> None:
    risk = [answered("suicide_risk", "高自杀风险"), *[answered("suicide_risk", "低自杀风险", style="mentalglm")] * 3]
    stress = [answered("stress", load_task("stress").label_names[0], style=next(iter(load_task("stress").styles)))] * 2
    assert balanced_weights([*risk, *stress]) == pytest.approx([2, 2 / 3, 2 / 3, 2 / 3, 1, 1])


def test_an_answer_that_does_not_parse_weighs_one_and_disturbs_nobody() -> None:
    rows = [answered("suicide_risk", "高自杀风险"), *[answered("suicide_risk", "低自杀风险")] * 3]
    odd = [
        row([turn("user", "问"), turn("assistant", "不好说。")]),
        row([turn("user", "问"), turn("assistant", "好。")], task="dialogue"),
        row([turn("user", "问")]),
    ]
    assert balanced_weights([*odd, *rows]) == pytest.approx([1, 1, 1, *balanced_weights(rows)])
    assert [labels_of(one) for one in odd] == [None] * 3
    assert balanced_weights([]) == []
