"""An explanation that plainly says another label is found; weighing and quoting are let through."""

import pytest

from mentalglm.contradiction import contradicts_label
from mentalglm.tasks import load_task

CONTRADICTING = [
    ("suicide_risk", ["低自杀风险"], "方式与日期都已写明，属于高自杀风险。"),
    ("suicide_risk", ["低自杀风险"], "综合来看，应判定为“高自杀风险”。"),
    ("suicide_risk", ["高自杀风险"], "只有疲惫，并非高自杀风险。"),
    ("suicide_level", ["3"], "愿望强烈，定为五级。"),
    ("suicide_level", ["3"], "等级为 7 级。"),
    ("emotional_safety", ["安全"], "语气绝望，属于不安全。"),
    ("emotional_safety", ["不安全"], "只是玩笑，不能判为不安全。"),
    ("cognitive_distortion", ["读心术"], "断定同事讨厌自己，体现了先知错误。"),
    ("cognitive_distortion", ["读心术"], "只是陈述事实，没有体现认知歪曲。"),
    ("cognitive_distortion", [], "「所有人」一词，属于典型的以偏概全。"),
    ("cognitive_pathway", ["认知歪曲##读心术"], "「我是废物」属于乱贴标签。"),
    ("depression", ["yes"], "The poster does not suffer from depression."),
    ("depression", ["yes"], "Overall the poster doesn't seem to suffer from depression."),
    ("depression", ["no"], "Nothing brings joy any more. Therefore the poster suffers from depression."),
    ("stress", ["no"], "The answer is yes."),
    ("wellness_emotional", ["no"], "The wellness dimension of emotional health exists in the post."),
    ("stress_cause", ["school"], "The stress cause of this post is related to work."),
    ("stress_cause", ["school"], 'So the label is "financial problem".'),
    ("mental_disorder", ["depression"], "This post shows suicide or self-harm tendency."),
]

CONSISTENT = [
    ("suicide_risk", ["低自杀风险"], "有求死愿望而无计划，属于低自杀风险。"),
    ("suicide_risk", ["低自杀风险"], "没有写到方式，不属于高自杀风险。"),
    ("suicide_risk", ["低自杀风险"], "如果写明日期，就应判为高自杀风险。"),
    ("suicide_risk", ["低自杀风险"], "看似属于高自杀风险，其实只是转述。"),
    ("suicide_risk", ["低自杀风险"], "「属于高自杀风险」是量表的话，不是她的。"),
    ("suicide_level", ["5"], "愿望强烈而方式未明，定为五级。"),
    ("suicide_level", ["5"], "未达到可定为六级的程度，也高于四级。"),
    ("suicide_level", ["5"], "介于对应四级与六级的描述之间。"),
    ("suicide_level", ["3"], "他考过了八级，心情不错。"),
    ("emotional_safety", ["安全"], "语气俏皮，谈不上安全问题。"),
    ("emotional_safety", ["安全"], "没有安全感是玩笑话，不属于不安全。"),
    ("cognitive_distortion", ["读心术"], "断定同事讨厌自己，体现了读心术，也近于先知错误。"),
    ("cognitive_distortion", ["读心术", "放大"], "断定旁人的想法属于读心术，小事说成天大体现了放大。"),
    ("cognitive_distortion", [], "只是陈述事实，没有体现认知歪曲。"),
    ("cognitive_distortion", [], "不属于以偏概全，后面给了例外。"),
    ("cognitive_pathway", ["情绪反应##情感效应"], "「想死」是愿望，属情感，不属行为。"),
    ("depression", ["yes"], "Nothing brings joy any more. The poster suffers from depression."),
    ("depression", ["yes"], "The poster does not say whether they suffer from depression, but the words are hopeless."),
    ("depression", ["yes"], "While the poster may not suffer from depression in a strict sense, the mood is low."),
    ("depression", ["no"], "The poster does not suffer from depression."),
    ("depression", ["no"], "It cannot be determined whether the poster suffers from depression."),
    ("depression", ["no"], "There is not enough to say that the poster suffers from depression."),
    ("stress", ["yes"], 'The words "the answer is no" are about a wedding. The poster suffers from stress.'),
    ("wellness_emotional", ["yes"], "The wellness dimension of emotional health exists in the post."),
    ("stress_cause", ["school"], "The post is about work at school and the family of a teacher."),
    ("stress_cause", ["school"], "The cause is related to school, and the label is not work."),
    ("stress_cause", ["emotional turmoil"], "The label would be emotion turmoil."),
    ("mental_disorder", ["depression"], "This post shows depression."),
]


@pytest.mark.parametrize(("task", "labels", "explanation"), CONTRADICTING)
def test_another_label_is_found(task: str, labels: list[str], explanation: str) -> None:
    assert contradicts_label(explanation, labels, load_task(task))


@pytest.mark.parametrize(("task", "labels", "explanation"), CONSISTENT)
def test_ones_own_label_weighing_and_quoting_are_let_through(task: str, labels: list[str], explanation: str) -> None:
    assert not contradicts_label(explanation, labels, load_task(task))


def test_hardly_any_explanation_of_the_open_corpus_is_suspected() -> None:
    import json
    from pathlib import Path

    records = Path(__file__).parents[2] / "instructions" / "open" / "records"
    for name in ("suicide_risk", "emotional_safety", "cognitive_distortion", "cognitive_pathway", "risk_category"):
        lines = (records / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        suspected = [row for row in rows if contradicts_label(row["explanation"], row["labels"], load_task(name))]
        assert len(suspected) <= len(rows) // 500
