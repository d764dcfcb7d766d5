"""The shipped task files hold the label sets of the design, and a broken file is named by file, key and value."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from mentalglm.answer import Answer, parse_answer, render_answer
from mentalglm.errors import UserError
from mentalglm.models import EMBEDDED
from mentalglm.models.manifest import read_manifest
from mentalglm.tasks import Task, load_task, load_task_file, prompt_hash, task_names
from mentalglm.tasks.loader import FOLDER

CHINESE = re.compile("[\u4e00-\u9fff]")
PATHWAY = {
    "触发性事件": "疾病症状 社会关系 生活 学习工作 情感",
    "认知歪曲": "非此即彼 以偏概全 心理过滤 否定正面思考 妄下结论 放大和缩小 情绪化推理 应该句式 乱贴标签 罪责归己/他",
    "情绪反应": "情感效应 行为效应",
    "驳斥": "习惯性驳斥 有效驳斥",
}
WELLNESS = ["spiritual", "physical", "intellectual", "social", "vocational", "emotional"]
BINARY = ["depression", "stress", "loneliness"]
BINARY += [f"wellness_{dimension}" for dimension in WELLNESS]
BINARY += ["interpersonal_risk_thwarted_belongingness", "interpersonal_risk_perceived_burdensomeness"]
CAUSE = "This post shows the stress cause related to"
LABELS = {
    "suicide_risk": ["高自杀风险", "低自杀风险"],
    "suicide_level": [str(level) for level in range(11)],
    "cognitive_distortion": [
        "非此即彼",
        "以偏概全",
        "心理过滤",
        "否定正面思考",
        "读心术",
        "先知错误",
        "放大",
        "情绪化推理",
        "应该式",
        "乱贴标签",
        "罪责归己",
        "罪责归他",
    ],
    "cognitive_pathway": [f"{parent}##{child}" for parent, children in PATHWAY.items() for child in children.split()],
    "emotional_safety": ["安全", "临界", "不安全"],
    "risk_category": ["暴力与仇恨", "性内容", "犯罪策划", "枪支与非法武器", "管制物质", "自杀与自伤"],
    "suicidal_ideation": [
        "clearly_happy",
        "clearly_neutral",
        "clearly_sad",
        "clearly_angry",
        "ambiguous_emotional",
        "passive_si",
        "active_si_no_plan",
        "active_si_plan_no_intent",
        "active_si_plan_with_intent",
        "active_si_plan_with_intent_prep",
    ],
    "therapy_request": ["declarative", "non_therapeutic_question", "explicit_therapy_request"],
    "therapy_engagement": ["clear_non_engagement", "ambiguous_engagement", "clear_engagement"],
    "stress_cause": [
        "school",
        "financial problem",
        "family issues",
        "social relationships",
        "work",
        "health issues",
        "emotional turmoil",
        "everyday decision making",
        "other causes",
    ],
    "depression_cause": ["no causes", "bias or abuse", "jobs and career", "medication", "relationship", "alienation"],
    "mental_disorder": ["no mental disorders", "suicide or self-harm tendency", "depression", "PTSD"],
    **{name: ["yes", "no"] for name in BINARY},
}
KINDS = {
    "suicide_level": "ordinal",
    "cognitive_distortion": "multi",
    "risk_category": "multi",
    "cognitive_pathway": "spans",
}
CRISIS = {
    ("suicide_risk", "高自杀风险"): "urgent",
    **{("suicide_level", level): "wish" for level in ("4", "5")},
    **{("suicide_level", str(level)): "urgent" for level in range(6, 11)},
    ("risk_category", "自杀与自伤"): "wish",
    ("mental_disorder", "suicide or self-harm tendency"): "wish",
    ("suicidal_ideation", "passive_si"): "wish",
    ("suicidal_ideation", "active_si_no_plan"): "wish",
    **{("suicidal_ideation", name): "urgent" for name in LABELS["suicidal_ideation"][7:]},
}
POSITIVE = {
    "suicide_risk": ["高自杀风险"],
    "suicidal_ideation": LABELS["suicidal_ideation"][5:],
    "therapy_request": ["explicit_therapy_request"],
    "therapy_engagement": ["clear_engagement"],
    **{name: ["yes"] for name in BINARY},
}


def test_the_tasks_of_the_design_are_all_there() -> None:
    assert set(task_names()) == set(LABELS)


@pytest.mark.parametrize("name", LABELS)
def test_a_task_holds_exactly_its_labels(name: str) -> None:
    task = load_task(name)
    english = "imhi" in task.styles
    assert task.label_names == LABELS[name]
    assert task.kind == KINDS.get(name, "single")
    assert task.language == ("en" if english else "zh")
    assert task.input == ("conversation" if name == "therapy_engagement" else "post")
    assert [label.name for label in task.labels if label.positive] == POSITIVE.get(name, [])
    assert {(name, label.name): label.crisis for label in task.labels if label.crisis != "none"} == {
        key: crisis for key, crisis in CRISIS.items() if key[0] == name
    }


@pytest.mark.parametrize("name", LABELS)
def test_every_text_is_written_in_both_languages(name: str) -> None:
    task = load_task(name)
    texts = [task.title, task.definition, *(label.definition for label in task.labels)]
    texts += [label.display for label in task.labels if label.display]
    for text in texts:
        assert CHINESE.search(text.zh), text
        assert text.en and not CHINESE.search(text.en), text
    definitions = [label.definition.zh for label in task.labels]
    assert len(set(definitions)) == len(definitions)
    assert task.source


@pytest.mark.parametrize("name", LABELS)
def test_every_way_of_writing_a_label_means_one_label(name: str) -> None:
    task = load_task(name)
    for style in task.styles:
        ways = [way for label in task.labels for way in {task.surface(style, label.name), *label.aliases}]
        assert len(set(ways)) == len(ways), style


@pytest.mark.parametrize("name", LABELS)
def test_every_label_survives_being_written_and_read(name: str) -> None:
    task = load_task(name)
    reason = "Some reason." if task.language == "en" else "这里是理由。"
    answers: list[tuple[str, ...]] = [(label,) for label in task.label_names]
    answers += [(), tuple(task.label_names)] if task.many else []
    for style in task.styles:
        for labels in answers:
            answer = Answer(labels=labels, explanation=reason)
            assert parse_answer(render_answer(answer, task, style), task, style) == answer


def test_the_default_style_quotes_evidence_in_chinese_and_reasons_in_english() -> None:
    for name in LABELS:
        task = load_task(name)
        style, template = next(iter(task.styles.items()))
        assert style == ("imhi" if task.language == "en" else "grounded")
        words = (None, "Reasoning:") if style == "imhi" else ("依据：", "理由：")
        assert (template.evidence, template.reason) == words
        if "mentalglm" in task.styles:
            assert task.styles["mentalglm"].evidence is None


@pytest.mark.parametrize(
    ("name", "text", "label"),
    [
        ("depression", "Yes, the poster suffers from depression. Reasoning: x", "yes"),
        ("stress", "No, the poster does not suffer from stress. Reasoning: x", "no"),
        ("stress_cause", f"{CAUSE} emotion turmoil. Reasoning: x", "emotional turmoil"),
        ("stress_cause", f"{CAUSE} emotional turmoil. Reasoning: x", "emotional turmoil"),
        ("stress_cause", "This post shows other stress causes. Reasoning: x", "other causes"),
        ("wellness_social", "No, this wellness dimension does not exist in the post. Reasoning: x", "no"),
        ("interpersonal_risk_thwarted_belongingness", "Yes, the post shows this risk. Reasoning: x", "yes"),
        ("mental_disorder", "This post shows PTSD. Reasoning: x", "PTSD"),
    ],
)
def test_the_published_label_sentences_are_read(name: str, text: str, label: str) -> None:
    answer = parse_answer(text, load_task(name), "imhi")
    assert answer is not None and answer.labels == (label,)


def test_an_unknown_task_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"unknown task 'mood'.*suicide_risk"):
        load_task("mood")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent\.yaml: cannot be read"):
        load_task_file(tmp_path / "absent.yaml")


def test_a_file_that_is_not_yaml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("name: [unclosed", encoding="utf-8")
    with pytest.raises(UserError, match=r"broken\.yaml: not valid YAML"):
        load_task_file(path)


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        (("mood",), "blue", ("mood", "blue")),
        (("labels", 1, "colour"), "red", ("labels.1.colour", "red")),
        (("kind",), "double", ("kind", "double")),
        (("version",), 0, ("version", "0")),
        (("labels", 0, "crisis"), "grave", ("labels.0.crisis", "grave")),
        (("labels", 0, "name"), False, ("labels.0.name", "False")),  # what YAML makes of a bare `no`
        (("labels", 0, "name"), "临界", ("labels: a name stands twice",)),
        (("styles", "grounded", "prompt"), "帖子：{text}", ("styles.grounded", "{post}", "{text}")),
        (("styles", "grounded", "head"), "情绪安全。", ("styles.grounded", "{labels}")),
        (("styles", "grounded", "none"), "没有。", ("styles.grounded.none",)),
        (("styles", "grounded", "surface"), {"危险": "很危险"}, ("styles.grounded.surface", "危险")),
        (("name",), "other_name", ("name", "other_name", "emotional_safety")),
        (("name",), "../outside", ("name", "../outside")),
        (("styles", "grounded", "variants"), ["安全吗？"], ("styles.grounded", "variants", "安全吗？", "{post}")),
        (("styles", "grounded", "variants"), ["{post}？", "{post}？"], ("styles.grounded", "variants", "twice")),
    ],
)
def test_a_wrong_value_is_named_with_file_and_key(
    tmp_path: Path, where: tuple[str | int, ...], value: Any, message: tuple[str, ...]
) -> None:
    data = _shipped_data()
    _parent(data, where)[where[-1]] = value
    error = _refusal(tmp_path, data)
    assert "emotional_safety.yaml" in error and "\n" not in error
    for part in message:
        assert part in error


@pytest.mark.parametrize(
    "where", [("source",), ("title", "en"), ("labels", 2, "definition"), ("styles", "grounded", "reason")]
)
def test_a_missing_key_is_named(tmp_path: Path, where: tuple[str | int, ...]) -> None:
    data = _shipped_data()
    del _parent(data, where)[where[-1]]
    assert f"emotional_safety.yaml: {'.'.join(map(str, where))}: missing" in _refusal(tmp_path, data)


def test_prompt_hash_follows_what_a_model_is_told(tmp_path: Path) -> None:
    data = _shipped_data()
    before = prompt_hash(_load(tmp_path, data), "grounded")
    assert prompt_hash(_load(tmp_path, copy.deepcopy(data)), "grounded") == before
    assert prompt_hash(_load(tmp_path, data), "mentalglm") != before

    other_style = copy.deepcopy(data)
    other_style["styles"]["mentalglm"]["reason"] = "原因："
    assert prompt_hash(_load(tmp_path, other_style), "grounded") == before

    other_variants = copy.deepcopy(data)
    other_variants["styles"]["grounded"]["variants"] = ["{post} 安全吗？"]
    assert prompt_hash(_load(tmp_path, other_variants), "grounded") == before

    told: list[tuple[str | int, ...]] = [("labels", 0, "definition", "zh"), ("definition", "en")]
    for where in [*told, ("styles", "grounded", "reason")]:
        changed = copy.deepcopy(data)
        _parent(changed, where)[where[-1]] += "改"
        assert prompt_hash(_load(tmp_path, changed), "grounded") != before, where


def test_the_embedded_model_is_asked_in_the_words_it_was_taught() -> None:
    manifest = read_manifest(EMBEDDED)
    assert manifest.prompt_hash
    for name, value in manifest.prompt_hash.items():
        task = load_task(name)
        assert value == prompt_hash(task, task.style_in(manifest.style)), name


@pytest.mark.parametrize("name", LABELS)
def test_a_question_has_several_wordings_and_none_tells_the_answer(name: str) -> None:
    task = load_task(name)
    template = task.styles[task.style_in(None)]
    assert len(template.variants) in range(4, 7)
    frames = {variant.partition("{post}")[0] for variant in template.variants}
    assert len(frames) > len(template.variants) / 2, "the wordings begin alike"
    words = {word for label in task.labels for word in (*label.name.split("##"), *label.aliases)}
    words |= {task.surface(task.style_in(None), label) for label in task.label_names}
    for variant in template.variants:
        asked = variant.replace("{post}", "")
        assert bool(CHINESE.search(asked)) == (task.language == "zh")
        for word in words:
            assert not _holds(asked, word) or _holds(template.prompt, word), (variant, word)


def test_no_wording_asks_for_two_tasks() -> None:
    asked = [
        (wording, name)
        for name in LABELS
        for style in [load_task(name).styles[load_task(name).style_in(None)]]
        for wording in [style.prompt, *style.variants]
    ]
    assert len({wording for wording, _ in asked}) == len(asked)


def _holds(text: str, word: str) -> bool:
    """Whether ``word`` stands in ``text``; "no" does not stand in "now"."""
    return bool(re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE)) if word.isascii() else word in text


def _shipped_data() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load((FOLDER / "emotional_safety.yaml").read_text(encoding="utf-8"))
    return data


def _parent(data: Any, where: tuple[str | int, ...]) -> Any:
    for key in where[:-1]:
        data = data[key]
    return data


def _load(folder: Path, data: dict[str, Any]) -> Task:
    path = folder / "emotional_safety.yaml"
    path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    return load_task_file(path)


def _refusal(folder: Path, data: dict[str, Any]) -> str:
    with pytest.raises(UserError) as caught:
        _load(folder, data)
    return str(caught.value)
