"""Answers survive being written and read; no text, however hostile, is read as more than its first sentence says."""

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mentalglm.answer import Answer, Quote, parse_answer, render_answer, render_head
from mentalglm.tasks import Task, load_task, task_names

WAYS = [(name, style) for name in task_names() for style in load_task(name).styles]
# Words that could be taken for the answer's own marks.
MARKS = [*"。；、，：「」“”无 \n\r\u2028", ", ", ". ", "依据：", "理由：", "Reasoning:"]
CHARACTER = st.characters(exclude_categories=["Cs"])


@st.composite
def ways(draw: st.DrawFn) -> tuple[Task, str]:
    """A task and one of its styles."""
    name, style = draw(st.sampled_from(WAYS))
    return load_task(name), style


def hostile_texts(task: Task, style: str) -> st.SearchStrategy[str]:
    """Text made of the answer's own marks, of labels, of whole heads, and of anything else."""
    surfaces = [task.surface(style, name) for name in task.label_names]
    heads = [render_head((name,), task, style) for name in task.label_names]
    pieces = st.one_of(st.sampled_from(MARKS + surfaces + heads), st.text(CHARACTER, max_size=4))
    return st.lists(pieces, max_size=12).map("".join)


@st.composite
def answers(draw: st.DrawFn, task: Task, style: str) -> Answer:
    """Every answer the style can express."""
    names = st.sampled_from(task.label_names)
    labels = tuple(draw(st.lists(names, unique=True))) if task.many else (draw(names),)
    text = hostile_texts(task, style)
    explanation = draw(st.none() | text.map(str.strip).filter(bool))
    if task.styles[style].evidence is None or draw(st.booleans()):
        return Answer(labels, None, explanation)
    words = text.map(lambda t: t.translate({ord(mark): None for mark in "「」\n"})).filter(bool)
    carried = st.sampled_from(labels) if labels else st.nothing()
    quotes = st.lists(st.builds(Quote, words, carried if task.many else st.none()), max_size=6)
    return Answer(labels, tuple(draw(quotes)), explanation)


@pytest.mark.parametrize(("name", "style"), WAYS)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_every_answer_a_style_can_express_is_read_back(name: str, style: str, data: st.DataObject) -> None:
    task = load_task(name)
    answer = data.draw(answers(task, style))
    assert parse_answer(render_answer(answer, task, style), task, style) == answer


def ways_of_breaking() -> list[Any]:
    one, many = load_task("suicide_risk"), load_task("cognitive_distortion")
    high, label = ("高自杀风险",), ("读心术",)
    return [
        pytest.param(one, "grounded", Answer(()), id="no label where one is needed"),
        pytest.param(one, "grounded", Answer(("高自杀风险", "低自杀风险")), id="two labels where one is needed"),
        pytest.param(one, "grounded", Answer(("中自杀风险",)), id="an unknown label"),
        pytest.param(many, "grounded", Answer(("读心术", "读心术")), id="a label twice"),
        pytest.param(one, "mentalglm", Answer(high, ()), id="evidence in a style without"),
        pytest.param(one, "grounded", Answer(high, (Quote(""),)), id="an empty quote"),
        pytest.param(one, "grounded", Answer(high, (Quote("a「b"),)), id="an opening mark in a quote"),
        pytest.param(one, "grounded", Answer(high, (Quote("a」b"),)), id="a closing mark in a quote"),
        pytest.param(one, "grounded", Answer(high, (Quote("a\nb"),)), id="a line break in a quote"),
        pytest.param(one, "grounded", Answer(high, (Quote("a", "高自杀风险"),)), id="a labelled quote of one label"),
        pytest.param(many, "grounded", Answer(label, (Quote("a"),)), id="an unlabelled quote of many labels"),
        pytest.param(many, "grounded", Answer(label, (Quote("a", "放大"),)), id="a quote for a label not given"),
        pytest.param(one, "grounded", Answer(high, None, ""), id="an empty explanation"),
        pytest.param(one, "grounded", Answer(high, None, " x"), id="a blank-edged explanation"),
    ]


@pytest.mark.parametrize(("task", "style", "answer"), ways_of_breaking())
def test_an_answer_the_style_cannot_express_is_refused(task: Task, style: str, answer: Answer) -> None:
    with pytest.raises(ValueError):
        render_answer(answer, task, style)


# The worst that can happen is a label that nobody named.


def labels_of_the_first_sentence(text: str, task: Task, style: str) -> set[str]:
    """What the first sentence may be said to name, found in a way of its own: by looking for every label in it."""
    template = task.styles[style]
    ending = template.head.split("{labels}")[1]
    sentence = text.strip().partition(ending)[0]
    written = {label.name: [task.surface(style, label.name), *label.aliases] for label in task.labels}
    return {name for name, ways in written.items() if any(way in sentence for way in ways)}


def agrees(text: str, task: Task, style: str) -> None:
    answer = parse_answer(text, task, style)
    if answer is None:
        return
    assert set(answer.labels) <= labels_of_the_first_sentence(text, task, style)
    assert len(set(answer.labels)) == len(answer.labels)
    if not answer.labels:
        none = task.styles[style].none
        assert none is not None and text.strip().startswith(none)
    assert task.many or len(answer.labels) == 1
    for quote in answer.evidence or ():
        assert f"「{quote.text}」" in text
        assert quote.label in (answer.labels if task.many else [None])
    assert answer.explanation is None or answer.explanation in text


@settings(max_examples=400, deadline=None, derandomize=True)
@given(way=ways(), data=st.data())
def test_hostile_text_never_raises_and_never_names_a_label_its_first_sentence_lacks(
    way: tuple[Task, str], data: st.DataObject
) -> None:
    task, style = way
    agrees(data.draw(st.text() | hostile_texts(task, style)), task, style)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(way=ways(), data=st.data())
def test_an_answer_cut_anywhere_says_no_more_than_it_did(way: tuple[Task, str], data: st.DataObject) -> None:
    task, style = way
    whole = data.draw(answers(task, style))
    text = render_answer(whole, task, style)
    for end in range(len(text)):
        cut = parse_answer(text[:end], task, style)
        agrees(text[:end], task, style)
        # A label is read once its sentence stands, full stop included; before that there is no answer.
        assert cut is None or cut.labels == whole.labels
        assert (cut is None) == (end < len(render_head(whole.labels, task, style)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t　",
        "。",
        "高自杀风险",
        "高自杀风险。",
        "理由：这个帖子体现了高自杀风险。",
        "我不知道。这个帖子体现了高自杀风险。",
        "这个帖子没有体现高自杀风险。",
        "这个帖子体现了高自杀风险",
        "这个帖子体现了高自杀风险！",
        "这个帖子体现了高自杀风险或低自杀风险。",
        "这个帖子体现了高自杀风险、低自杀风险。",
        "这个帖子体现了「高自杀风险」。",
        "这个帖子体现了非高自杀风险。",
        "这个帖子体现了。理由：高自杀风险。",
        "这个帖子体现了很高的风险。依据：「高自杀风险」。理由：这个帖子体现了高自杀风险。",
        "The post shows 高自杀风险.",
        "高" * 100_000,
    ],
)
def test_what_is_no_answer_is_no_class(text: str) -> None:
    assert parse_answer(text, load_task("suicide_risk"), "grounded") is None


def test_a_second_head_in_the_explanation_counts_for_nothing() -> None:
    task = load_task("cognitive_distortion")
    text = "没有体现认知歪曲。依据：无。理由：这篇帖子体现了读心术的认知歪曲。依据：读心术「x」。理由：y"
    answer = parse_answer(text, task, "grounded")
    assert answer == Answer((), (), "这篇帖子体现了读心术的认知歪曲。依据：读心术「x」。理由：y")


def test_a_label_written_over_and_over_is_one_label() -> None:
    text = "这篇帖子体现了" + "、".join(["读心术"] * 500 + ["放大"]) + "的认知歪曲。"
    assert parse_answer(text, load_task("cognitive_distortion"), "grounded") == Answer(("读心术", "放大"))


def test_a_level_of_ten_is_not_a_level_of_one() -> None:
    task = load_task("suicide_level")
    for level in task.label_names:
        answer = parse_answer(f"这个帖子的自杀风险为{level}级。理由：不是1级，也不是10级。", task, "grounded")
        assert answer is not None and answer.labels == (level,)
    for wrong in ("11", "01", "-1", "1.5", "一", "１"):
        assert parse_answer(f"这个帖子的自杀风险为{wrong}级。", task, "grounded") is None


@pytest.mark.parametrize(
    ("evidence", "quotes"),
    [
        ("依据：读心术「甲」；放大「乙」「丙」。", [("甲", "读心术"), ("乙", "放大"), ("丙", "放大")]),
        ("依据：放大「甲」；读心术「乙」；放大「丙」。", [("甲", "放大"), ("乙", "读心术"), ("丙", "放大")]),
        ("依据：无。", []),
        ("依据：", []),
        ("依据：「甲」。", []),  # nobody said what it carries
        ("依据：罪责归己「甲」；读心术「乙」。", [("乙", "读心术")]),  # a label that was not given
        ("依据：读心术「甲「乙」丙」。", []),
        ("依据：读心术「甲\n乙」。", []),
        ("依据：读心术「甲」，还有很多；放大「乙」。", [("甲", "读心术")]),
        ("依据：读心术「甲」；放大「乙", [("甲", "读心术")]),
        ("依据：读心术“甲”。", []),
        ("依据：读心术「」。", []),
    ],
)  # fmt: skip
def test_evidence_that_breaks_the_form_is_dropped_and_the_rest_is_read(
    evidence: str, quotes: list[tuple[str, str]]
) -> None:
    task = load_task("cognitive_distortion")
    answer = parse_answer(f"这篇帖子体现了读心术、放大的认知歪曲。{evidence}理由：因为。", task, "grounded")
    assert answer is not None and answer.labels == ("读心术", "放大")
    assert [(quote.text, quote.label) for quote in answer.evidence or ()] == quotes
    if not evidence.endswith("乙"):
        assert answer.explanation == "因为。"


def test_the_separators_of_published_checkpoints_are_read() -> None:
    task = load_task("cognitive_distortion")
    for separator in ("、", ", ", "，", ","):
        text = f"这篇帖子体现了先知错误{separator}乱贴标签的认知歪曲。理由：因为。"
        for style in task.styles:
            assert parse_answer(text, task, style) == Answer(("先知错误", "乱贴标签"), None, "因为。")


@pytest.mark.parametrize(
    "piece",
    ["x", "「", "「甲」", "读心术、", "读心术「甲」；", "依据：", "理由：", " \n", "这篇帖子体现了读心术的认知歪曲。"],
)
@pytest.mark.parametrize(
    "before", ["", "这篇帖子体现了", "这篇帖子体现了读心术的认知歪曲。", "这篇帖子体现了读心术的认知歪曲。依据："]
)
def test_a_hundred_thousand_characters_are_read_in_no_time(before: str, piece: str) -> None:
    task = load_task("cognitive_distortion")
    text = (before + piece * 100_000)[:100_000]
    started = time.process_time()
    parse_answer(text, task, "grounded")
    assert time.process_time() - started < 0.5  # it takes a tenth of that; a quadratic reader takes minutes
    agrees(text, task, "grounded")
