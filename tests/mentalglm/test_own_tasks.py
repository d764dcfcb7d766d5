"""A task of one's own, from a few lines of YAML: read, refused by key, made known, written and read back."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mentalglm.answer import Answer, Quote, parse_answer, render_answer
from mentalglm.errors import UserError
from mentalglm.prompt import build_messages
from mentalglm.tasks import (
    Task,
    add_task,
    add_task_of,
    add_tasks,
    dump_task,
    keep_task,
    load_task,
    load_task_file,
    prompt_hash,
    task_from,
    task_names,
)

SHORT: dict[str, Any] = {
    "name": "help_seeking",
    "kind": "single",
    "language": "zh",
    "question": "写的人有没有求助？",
    "labels": {"求助": "请人帮忙或询问办法。", "没有求助": "没有这样的话。"},
}
STRESSORS: dict[str, Any] = {
    "name": "stressors",
    "kind": "multi",
    "language": "en",
    "question": "What weighs on the writer?",
    "labels": ["money", "family, friends", "health"],
}


def short(**changes: Any) -> dict[str, Any]:
    return {key: value for key, value in {**SHORT, **changes}.items() if value is not None}


def written(folder: Path, mapping: dict[str, Any]) -> Path:
    path = folder / f"{mapping['name']}.yaml"
    path.write_text(yaml.safe_dump(mapping, allow_unicode=True), encoding="utf-8")
    return path


# The short form.


def test_five_keys_make_a_task() -> None:
    task = task_from(SHORT, "my.yaml")
    assert (task.name, task.kind, task.language) == ("help_seeking", "single", "zh")
    assert task.label_names == list(SHORT["labels"])
    assert task.label("求助").definition.zh == task.label("求助").definition.en == "请人帮忙或询问办法。"
    [message] = build_messages("有人知道怎么办吗", task, "grounded")
    assert message["content"] == '考虑以下这个帖子:"有人知道怎么办吗" 写的人有没有求助？'
    answer = Answer(("求助",), (Quote("怎么办"),), "文字在问办法。")
    assert render_answer(answer, task, "grounded") == "判断：求助。依据：「怎么办」。理由：文字在问办法。"


def test_an_english_task_speaks_english() -> None:
    task = task_from(STRESSORS, "my.yaml")
    [message] = build_messages("rent is due", task, "grounded")
    assert message["content"] == 'Consider this post: "rent is due" Question: What weighs on the writer?'
    assert render_answer(Answer((), None, "x"), task, "grounded") == "Answer: none of these. Reasoning: x"
    quotes = (Quote("rent", "money"), Quote("Mum", "family, friends"))
    both = Answer(("money", "family, friends"), quotes, "Told outright.")
    text = render_answer(both, task, "grounded")
    assert text.startswith("Answer: money, family, friends. Evidence: money「rent」")
    assert parse_answer(text, task, "grounded") == both


def test_what_may_be_said_beyond_the_five_keys() -> None:
    definition = {"zh": "是否求助", "en": "Whether help is sought"}
    more = short(positive="求助", crisis={"求助": "wish"}, title="求助", definition=definition, version=3)
    task = task_from(more, "my.yaml")
    assert task.binary_label == "求助"
    assert [label.crisis for label in task.labels] == ["wish", "none"]
    assert (task.title.zh, task.definition.en, task.version) == ("求助", "Whether help is sought", 3)


def test_a_scale_may_be_written_in_numbers() -> None:
    task = task_from(short(kind="ordinal", labels={0: "没有", 1: "轻", 2: "重"}, crisis={2: "urgent"}), "my.yaml")
    assert task.label_names == ["0", "1", "2"] and task.label("2").crisis == "urgent"


def test_the_answer_without_labels_is_a_sentence() -> None:
    for given_none, sentence in ((None, "判断：都不符合。"), ("没有求助", "没有求助。"), ("没有！", "没有！")):
        task = task_from(short(kind="multi", labels=["钱", "事"], none=given_none), "my.yaml")
        assert task.styles["grounded"].none == sentence


def test_the_question_is_worded_in_several_ways_and_asked_in_one() -> None:
    plain = task_from(SHORT, "my.yaml").styles["grounded"]
    assert len(plain.variants) == 4 and all(SHORT["question"] in variant for variant in plain.variants)
    more = task_from(short(variants=["作者在求助吗？"]), "my.yaml").styles["grounded"]
    assert more.prompt == plain.prompt and more.variants == [
        *plain.variants,
        '考虑以下这个帖子:"{post}" 作者在求助吗？',
    ]
    whole = task_from(short(question="{post}\n有没有求助？"), "my.yaml").styles["grounded"]
    assert (whole.prompt, whole.variants) == ("{post}\n有没有求助？", [])


def test_a_conversation_is_called_one() -> None:
    for language, word in (("zh", "段对话"), ("en", "conversation")):
        template = task_from(short(input="conversation", language=language), "my.yaml").styles["grounded"]
        assert word in template.prompt
        assert not any("帖子" in wording or "post " in wording for wording in (template.prompt, *template.variants))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": None}, ("kind: missing",)),
        ({"kind": "spans"}, ("kind", "'spans'", "single")),
        ({"language": "fr"}, ("language", "'fr'")),
        ({"colour": "red"}, ("colour", "red")),
        ({"name": "my task"}, ("name", "my task")),
        ({"labels": ["一个"]}, ("labels", "at least 2")),
        ({"labels": ["甲", "甲"]}, ("labels", "'甲' stands twice")),
        ({"labels": [True, False]}, ("labels", "quotes")),
        ({"labels": {"甲": 7, "乙": "x"}}, ("labels.甲", "7")),
        ({"labels": ["甲「一」", "乙"], "kind": "multi"}, ("labels", "甲「一」")),
        ({"labels": ["甲", "乙", "甲、乙"], "kind": "multi"}, ("labels", "all of them")),
        ({"positive": "丙"}, ("positive", "'丙'", "求助, 没有求助")),
        ({"crisis": {"丙": "wish"}}, ("crisis", "'丙'")),
        ({"crisis": {"求助": "grave"}}, ("crisis.求助", "'grave'")),
        ({"none": "没有。"}, ("none", "kind: multi")),
        ({"question": "{post}和{post}"}, ("{post} exactly once",)),
        ({"variants": "作者在求助吗？"}, ("variants", "作者在求助吗？")),
    ],
)
def test_a_wrong_key_is_named_in_one_line(changes: dict[str, Any], message: tuple[str, ...]) -> None:
    with pytest.raises(UserError) as caught:
        task_from(short(**changes), "build.yaml: tasks.0")
    error = str(caught.value)
    assert error.startswith("build.yaml: tasks.0: ") and "\n" not in error
    for part in message:
        assert part in error


@pytest.mark.parametrize("nothing", [None, [], "求助", 3])
def test_what_is_no_mapping_is_refused(nothing: object) -> None:
    with pytest.raises(UserError, match=r"^my\.yaml: holds no task"):
        task_from(nothing, "my.yaml")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    labels=st.lists(st.text("甲乙丙ab01 、，,。.；「」:", min_size=1, max_size=4), min_size=2, max_size=5, unique=True),
    kind=st.sampled_from(["single", "ordinal", "multi"]),
    language=st.sampled_from(["zh", "en"]),
)
def test_a_task_is_refused_or_every_answer_is_read_back(labels: list[str], kind: str, language: str) -> None:
    try:
        task = task_from(short(labels=labels, kind=kind, language=language), "my.yaml")
    except UserError:
        return
    for name in task.label_names:
        answer = Answer((name,), (Quote("字", name if task.many else None),), "字")
        assert parse_answer(render_answer(answer, task, "grounded"), task, "grounded") == answer


# Made known, written, read back.


def test_a_task_is_known_once_it_is_added() -> None:
    task = task_from(SHORT, "my.yaml")
    with pytest.raises(UserError, match="unknown task 'help_seeking'"):
        load_task("help_seeking")
    add_task(task)
    add_task(task_from(SHORT, "again.yaml"))
    assert load_task("help_seeking") is not None and "help_seeking" in task_names()
    assert task_names() == tuple(sorted(task_names()))


def test_a_name_stands_for_one_task() -> None:
    add_task(task_from(SHORT, "my.yaml"))
    with pytest.raises(UserError, match=r"'help_seeking' was read before with other labels"):
        add_task(task_from(short(question="别的问题？"), "other.yaml"))
    with pytest.raises(UserError, match=r"'suicide_risk' comes with the package with other labels"):
        add_task(task_from(short(name="suicide_risk"), "other.yaml"))
    for name in ("all", "dialogue"):
        with pytest.raises(UserError, match=f"'{name}', which has a meaning of its own"):
            add_task(task_from(short(name=name), "other.yaml"))
    assert load_task("help_seeking").definition.zh == SHORT["question"]


def test_other_variants_may_be_given_to_a_known_task() -> None:
    task, before = load_task("suicide_risk"), prompt_hash(load_task("suicide_risk"), "grounded")
    data = task.model_dump(mode="json")
    data["styles"]["grounded"]["variants"] = ["{post} 风险如何？"]
    add_task(task_from(data, "my.yaml"))
    assert load_task("suicide_risk").styles["grounded"].variants == ["{post} 风险如何？"]
    assert prompt_hash(load_task("suicide_risk"), "grounded") == before


def test_a_folder_of_tasks_is_read_in_either_form(tmp_path: Path) -> None:
    assert add_tasks(tmp_path / "absent") == []
    written(tmp_path, STRESSORS)
    dump_task(task_from(SHORT, "my.yaml"), tmp_path / "help_seeking.yaml")
    assert add_tasks(tmp_path) == ["help_seeking", "stressors"]
    assert load_task("stressors").many and load_task("help_seeking") == task_from(SHORT, "my.yaml")


def test_a_broken_folder_adds_nothing_and_is_named(tmp_path: Path) -> None:
    written(tmp_path, SHORT)
    written(tmp_path, {**STRESSORS, "kind": "double"})
    with pytest.raises(UserError, match=r"stressors\.yaml: kind"):
        add_tasks(tmp_path)
    assert "help_seeking" not in task_names()


@pytest.mark.parametrize("task", [load_task(name) for name in task_names()] + [task_from(STRESSORS, "my.yaml")])
def test_a_task_is_written_and_read_back_whole(task: Task, tmp_path: Path) -> None:
    path = tmp_path / "tasks" / f"{task.name}.yaml"
    dump_task(task, path)
    again = load_task_file(path)
    assert again == task
    assert [prompt_hash(again, style) for style in again.styles] == [prompt_hash(task, style) for style in task.styles]


def test_only_what_does_not_ship_is_kept_and_only_what_is_named_is_read(tmp_path: Path) -> None:
    add_task(task_from(SHORT, "my.yaml"))
    keep_task(tmp_path, "suicide_risk")
    assert not (tmp_path / "tasks").exists()
    keep_task(tmp_path, "help_seeking")
    assert [path.name for path in (tmp_path / "tasks").iterdir()] == ["help_seeking.yaml"]
    (tmp_path / "tasks" / "foreign.yaml").write_text("name: [unclosed", encoding="utf-8")
    add_task_of(tmp_path, "help_seeking")
    add_task_of(tmp_path, "absent")
    with pytest.raises(UserError, match=r"foreign\.yaml: not valid YAML"):
        add_task_of(tmp_path, "foreign")
