"""Sources whose rows hold an answer as a text: IMHI, messages, ShareGPT, Alpaca."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from instructions.sources import load_source, read_turns, source_names
from mentalglm.answer import Answer, Quote, render_answer
from mentalglm.tasks import load_task, task_names
from tests.instructions.sources.made import jsonl, read, source, write

ENGLISH = [name for name in task_names() if "imhi" in load_task(name).styles]


def imhi(**keys: Any) -> Any:
    tasks = [{"task": name} for name in ENGLISH]
    common = {"reader": "imhi", "language": "en", "text": "query", "answer": "reply", "explanation_by": "llm"}
    return source(**{**common, "tasks": tasks, **keys})


def csv_of(*rows: tuple[str, str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows([("query", "reply"), *rows])
    return out.getvalue()


@pytest.mark.parametrize("name", ENGLISH)
def test_the_question_tells_the_task_and_the_answer_its_label(tmp_path: Path, name: str) -> None:
    task = load_task(name)
    post = 'I said "fine". Question: who cares?\nAnyway.'
    rows = [
        (
            task.styles["imhi"].prompt.replace("{post}", post),
            render_answer(Answer((label,), None, "Because."), task, "imhi"),
        )
        for label in task.label_names
    ]
    write(tmp_path / "a.csv", csv_of(*rows))
    records, faults = read(imhi(), tmp_path)
    assert not faults
    assert [record.task for record in records] == [name] * len(rows)
    assert [record.labels for record in records] == [[label] for label in task.label_names]
    assert {(record.text, record.explanation, record.explanation_by) for record in records} == {
        (post, "Because.", "llm")
    }


def test_spellings_of_published_files_and_answers_that_say_nothing(tmp_path: Path) -> None:
    asked = 'Consider this post: "too much" Question: What is the stress cause of this post?'
    answers = [
        "This post shows the stress cause related to emotional turmoil. Reasoning: They say so.",
        "This post shows other causes. Reasoning: They say so.",
        "This post shows the stress cause related to work.",
        "I cannot tell, perhaps work.",
    ]
    odd = ('Consider this post: "x" Question: What colour is it?', "Red.")
    write(tmp_path / "a.csv", csv_of(*((asked, answer) for answer in answers), odd))
    records, faults = read(imhi(), tmp_path)
    assert [record.labels for record in records] == [["emotional turmoil"], ["other causes"], ["work"]]
    assert [record.explanation_by for record in records] == ["llm", "llm", "none"]
    assert [(fault.id, fault.reason) for fault in faults] == [
        ("lab:a:3:stress_cause", "an answer that names no label of stress_cause"),
        ("lab:a:4", "a question that none of the source's tasks asks"),
    ]


def chat(post: str, reply: str) -> dict[str, Any]:
    turns = [("system", "请判断。"), ("user", post), ("assistant", reply)]
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


def shared(post: str, reply: str) -> dict[str, Any]:
    turns = [("system", "请判断。"), ("human", post), ("gpt", reply)]
    return {"conversations": [{"from": role, "value": content} for role, content in turns]}


def alpaca(post: str, reply: str) -> dict[str, Any]:
    return {"instruction": "请判断。", "input": post, "output": reply}


@pytest.mark.parametrize(("kind", "row"), [("messages", chat), ("sharegpt", shared), ("alpaca", alpaca)])
def test_a_chat_with_a_label_or_a_whole_answer(tmp_path: Path, kind: str, row: Any) -> None:
    post = "票都订好了，再见"
    answer = Answer(("高自杀风险",), (Quote("订好了"),), "已经订好了票。")
    whole = render_answer(answer, load_task("suicide_risk"), "grounded")
    rows = [row(post, "低自杀风险"), row(post, whole), row(post, "说不清"), {"other": 1}]
    write(tmp_path / "a.jsonl", jsonl(*rows))
    wanted = source(reader=kind, files=["a.jsonl"], explanation_by="llm", tasks=[{"task": "suicide_risk"}])
    (bare, full), faults = read(wanted, tmp_path)
    assert (bare.text, bare.labels, bare.explanation, bare.explanation_by) == (post, ["低自杀风险"], None, "none")
    assert (full.text, full.labels, full.explanation, full.explanation_by) == (
        post,
        ["高自杀风险"],
        "已经订好了票。",
        "llm",
    )
    assert [(span.start, span.end, span.label) for span in full.evidence] == [(2, 5, None)]
    assert [fault.reason for fault in faults] == [
        "a label that suicide_risk does not have",
        f"not a row that the reader {kind} understands",
    ]


def test_evidence_of_a_whole_answer_keeps_its_labels(tmp_path: Path) -> None:
    answer = Answer(
        ("读心术", "放大"), (Quote("都讨厌我", "读心术"), Quote("全完了", "放大"), Quote("没说过", "放大")), "因为。"
    )
    whole = render_answer(answer, load_task("cognitive_distortion"), "grounded")
    write(tmp_path / "a.jsonl", jsonl(chat("全完了，他们都讨厌我", whole)))
    wanted = source(reader="messages", files=["a.jsonl"], tasks=[{"task": "cognitive_distortion"}])
    (record,), _ = read(wanted, tmp_path)
    assert record.text is not None
    assert [(record.text[span.start : span.end], span.label) for span in record.evidence] == [
        ("全完了", "放大"), ("都讨厌我", "读心术"),
    ]  # fmt: skip


def test_a_pattern_takes_the_post_out_of_a_longer_turn(tmp_path: Path) -> None:
    write(
        tmp_path / "a.jsonl",
        jsonl(chat("帖子：“睡不着\n三天了”请判断。", "低自杀风险"), chat("没有引号", "低自杀风险")),
    )
    keys = {"reader": "messages", "files": ["a.jsonl"], "tasks": [{"task": "suicide_risk"}]}
    (record,), (fault,) = read(source(**keys, post_pattern="“(.*)”"), tmp_path)
    assert record.text == "睡不着\n三天了"
    assert fault.reason == "post_pattern finds no post"
    with pytest.raises(Exception, match="post_pattern"):
        source(**keys, post_pattern="“(.*”")
    with pytest.raises(Exception, match="post_pattern: needs one group"):
        source(**keys, post_pattern="“.*”")


@pytest.mark.parametrize(("kind", "row"), [("messages", chat), ("sharegpt", shared)])
def test_without_tasks_a_chat_is_dialogue(tmp_path: Path, kind: str, row: Any) -> None:
    write(tmp_path / "a.jsonl", jsonl(row("睡不着", "多久了？"), {"x": 1}))
    dialogue = source(reader=kind, files=["a.jsonl"], tasks=[])
    said = [{"role": "user", "content": "睡不着"}, {"role": "assistant", "content": "多久了？"}]
    assert list(read_turns(dialogue, tmp_path)) == [
        ("lab:a:0", said),
        ("lab:a:1", f"not a row that the reader {kind} understands"),
    ]


def test_alpaca_dialogue_joins_its_history(tmp_path: Path) -> None:
    row = {"instruction": "问", "input": "睡不着", "output": "试试早起", "history": [["你好", "你好呀"]]}
    write(tmp_path / "a.jsonl", jsonl(row))
    ((_, turns),) = read_turns(source(reader="alpaca", files=["a.jsonl"], tasks=[]), tmp_path)
    assert [turn["content"] for turn in turns if isinstance(turn, dict)] == ["你好", "你好呀", "问\n睡不着", "试试早起"]


def test_labelled_posts_are_also_plain_text(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "text,label\n晚饭吃了面,低自杀风险\n")
    assert list(read_turns(source(), tmp_path)) == [("lab:a:0", [{"role": "user", "content": "晚饭吃了面"}])]


def test_every_labelled_source_names_tasks_that_are_there() -> None:
    assert {name for name in source_names() if load_source(name).tasks} >= {
        "sos-hl-1k", "sos-4k", "socialcd-3k", "psysuicide", "imhi", "irf-raw", "multiwd-raw", "cams-raw", "cp",
        "simplifyweibo",
    }  # fmt: skip
