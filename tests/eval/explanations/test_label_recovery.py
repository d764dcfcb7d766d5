"""Labels recovered from explanations: names are hidden, few explanations teach nothing, the label is found."""

import pytest

from eval.explanations.label_recovery import fit_label_recovery, hidden
from eval.explanations.templates import Templates
from mentalglm.readers import LabelledRow
from mentalglm.tasks import load_task, task_names

RISK = load_task("suicide_risk")


def row(number: int, labels: tuple[str, ...], explanation: str | None, license: str = "CC-BY-4.0") -> LabelledRow:
    return LabelledRow(
        number, f"r{number}", f"第{number}条", labels, f"g{number}", "train", None, license, None, explanation
    )


def told(count: int) -> list[LabelledRow]:
    kinds = (("高自杀风险", "方式与日期都已定下，准备已经做好"), ("低自杀风险", "日常琐事，看不到求死的念头"))
    return [row(i, (kinds[i % 2][0],), f"第{i}条里，{kinds[i % 2][1]}。") for i in range(count)]


@pytest.mark.parametrize("name", task_names())
def test_no_name_of_a_label_is_left(name: str) -> None:
    task = load_task(name)
    for label in task.labels:
        if task.kind == "ordinal":
            assert label.name not in hidden(f"定为 {label.name} 级，即第{label.name}级。", task)
            continue
        for written in (label.name, *label.aliases, *label.name.split("##")):
            assert written.lower() not in hidden(f"it is {written} .", task).lower()


def test_levels_and_shortened_names_are_hidden_too() -> None:
    text = hidden("属于高风险，对应七级，不是低风险，也不是低自杀风险。", RISK)
    assert text == "属于□，对应□，不是□，也不是□。"


def test_labels_are_found_from_the_words_alone() -> None:
    recovery = fit_label_recovery(told(60), RISK)
    assert recovery is not None
    words = ["东西都已准备好，日期定下了", "只是琐事，没有求死的念头"]
    assert recovery.recover(words) == [["高自杀风险"], ["低自杀风险"]]
    assert recovery.recover([]) == []


def test_of_several_labels_none_may_be_found() -> None:
    task = load_task("cognitive_distortion")
    kinds = (
        (("读心术",), "断定别人在心里看不起自己"),
        (("放大",), "把一次小错说成天大的灾难"),
        ((), "只是叙述，没有偏差"),
    )
    rows = [row(i, kinds[i % 3][0], f"第{i}条{kinds[i % 3][1]}。") for i in range(90)]
    recovery = fit_label_recovery(rows, task)
    assert recovery is not None
    both = "断定别人在心里看不起自己，又把一次小错说成天大的灾难"
    assert recovery.recover([kinds[0][1], both, kinds[2][1]]) == [["读心术"], ["读心术", "放大"], []]


def test_too_little_teaches_nothing() -> None:
    assert fit_label_recovery(told(49), RISK) is None
    assert fit_label_recovery([row(i, ("高自杀风险",), f"第{i}条") for i in range(60)], RISK) is None
    assert fit_label_recovery([row(i, ("高自杀风险",), None) for i in range(60)], RISK) is None


def test_a_template_is_the_most_ordinary_explanation_of_its_label() -> None:
    high = ("作者写明了日期和方式", "作者写明了日期", "作者写明了方式", "通篇在说天气")
    rows = [row(i, ("高自杀风险",), words) for i, words in enumerate(high)] + [
        row(9, ("低自杀风险",), "琐事", "unknown")
    ]
    templates = Templates(rows, RISK)
    found = templates.of(["高自杀风险"])
    assert found is not None and found.text == high[0] and found.licenses == {"CC-BY-4.0"}
    low = templates.of(["低自杀风险"])
    assert low is not None and low.licenses == {"unknown"}
    assert Templates([], RISK).of(["低自杀风险"]) is None


def test_templates_of_several_labels_stand_one_behind_the_other() -> None:
    task = load_task("cognitive_distortion")
    rows = [
        row(0, ("读心术",), "甲。"),
        row(1, ("放大",), "乙。"),
        row(2, (), "丙。"),
        row(3, ("读心术", "放大"), "丁。"),
    ]
    templates = Templates(rows, task)
    texts = [found.text if (found := templates.of(labels)) else None for labels in (["读心术", "放大"], [], ["应该式"])]
    assert texts == ["甲。乙。", "丙。", None]
