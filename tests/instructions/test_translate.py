"""Translation over a real server: labels kept, evidence only where it is found again, counterparts of equal labels."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import instructions.translate as translate_module
import mentalglm.tasks.loader as loader
from instructions import translation
from instructions.checks import problems
from instructions.explain.asking import Checked
from instructions.explain.connection import Connection
from instructions.records import Annotation, Record, Span
from instructions.translate import translate_records
from instructions.translation import Target, check_translation, target_of
from mentalglm.endpoint import Reply
from mentalglm.errors import UserError
from mentalglm.tasks import Task, add_task, load_task
from tests.endpoints import ROOT, Gateway, mentalglm_server
from tests.instructions.explain.records import read, record, write

POST = "I can't sleep anymore. Call me at 202-555-0143, I am worthless."
CHINESE = {"text": "我再也睡不着了。打[phone]找我，我一文不值。", "evidence": ["我一文不值"], "explanation": None}


def english(**changes: Any) -> Record:
    start = POST.index("I am worthless")
    given = {"task": "depression", "language": "en", "labels": ["yes"]}
    marked = [Span(start=start, end=start + 14, label=None)]
    return record(POST, **(given | {"evidence": marked} | changes))


@pytest.fixture
def chinese_task() -> Iterator[Target]:
    """A Chinese task whose labels are those of ``depression`` by their aliases."""
    task = json.loads(load_task("depression").model_dump_json())
    task |= {"name": "depression_zh", "language": "zh"}
    for label, name in zip(task["labels"], ("有抑郁表述", "无抑郁表述"), strict=True):
        label |= {"aliases": [label["name"]], "name": name}
    task["styles"]["imhi"]["surface"] = {}
    add_task(Task.model_validate(task))
    target = target_of(load_task("depression"), "zh")
    assert target is not None
    yield target
    loader._added.pop("depression_zh")


def checked(answer: Any, target: Target, one: Record | None = None) -> Checked:
    text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    return asyncio.run(check_translation(Reply(text, False, 1, 1), one or english(), target, "zh"))


def test_counterparts_have_the_name_and_the_labels(chinese_task: Target) -> None:
    assert chinese_task.task.name == "depression_zh"
    assert chinese_task.labels == {"yes": "有抑郁表述", "no": "无抑郁表述"}
    # Any yes/no task has equal labels; only the one that bears the name is meant.
    assert target_of(load_task("loneliness"), "zh") is None
    back = target_of(load_task("depression_zh"), "en")
    assert back is not None and back.task.name == "depression" and back.labels["有抑郁表述"] == "yes"


def test_a_sound_translation_is_read_and_its_evidence_found_again(chinese_task: Target) -> None:
    value = checked(f"```json\n{json.dumps(CHINESE)}\n```", chinese_task).value
    assert value is not None and value["dropped"] == 0
    done = translation.translated(english(), value, chinese_task, "zh", "m")
    assert done.labels == ["有抑郁表述"] and done.language == "zh" and done.task == "depression_zh"
    (span,) = done.evidence
    assert (done.text or "")[span.start : span.end] == "我一文不值"
    assert done.id == "mine:1:zh" and done.group == "mine:1" and not problems(done)
    assert done.meta == {"translated_from": "mine:1", "translated_by": "m"}


def test_evidence_that_is_not_found_again_is_dropped(chinese_task: Target) -> None:
    for evidence in (["我毫无价值"], [], ["我一文不值", "睡不着"]):
        value = checked(CHINESE | {"evidence": evidence}, chinese_task).value
        assert value is not None and value["evidence"] == [] and value["dropped"] == 1


def test_others_labels_are_kept_and_their_spans_are_not(chinese_task: Target) -> None:
    theirs = [Annotation(annotator="b", labels=["no"], evidence=[Span(start=0, end=4, label=None)])]
    one = english(annotations=theirs)
    value = checked(CHINESE, chinese_task, one).value
    assert value is not None
    assert translation.translated(one, value, chinese_task, "zh", "m").annotations == [
        Annotation(annotator="b", labels=["无抑郁表述"], evidence=[])
    ]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("翻译如下：我再也睡不着了。", translation.UNREAD),
        ({"text": 1, "evidence": [], "explanation": None}, translation.UNREAD),
        (CHINESE | {"text": " "}, translation.EMPTY),
        (CHINESE | {"text": POST.replace("202-555-0143", "[phone]")}, translation.LANGUAGE),
        (CHINESE | {"text": "累，[phone]"}, None),
        (CHINESE | {"text": "我[phone]" + "再也睡不着了，" * 20}, translation.LENGTH),
        (CHINESE | {"text": "我再也睡不着了。打电话找我，我一文不值。"}, translation.MASKS),
    ],
)
def test_each_fault_is_named(chinese_task: Target, answer: Any, fault: str | None) -> None:
    found = checked(answer, chinese_task)
    assert (fault is None) == (found.value is not None)
    assert fault is None or fault in found.problems


def test_an_explanation_goes_along_and_must_quote_the_translation(chinese_task: Target) -> None:
    words = 'The writer says "I can\'t sleep anymore", which tells of a lasting low mood.'
    one = english(explanation=words, explanation_by="human")
    good = CHINESE | {"explanation": "作者说「我再也睡不着了」，写出了持续的低落，也否定自己的价值。"}
    value = checked(good, chinese_task, one).value
    assert value is not None and value["explanation"] == good["explanation"]
    assert translation.translated(one, value, chinese_task, "zh", "m").explanation_by == "llm"
    assert checked(CHINESE, chinese_task, one).problems == ("the explanation was not translated",)
    bad = good | {"explanation": "作者说「我夜夜无眠」，写出了持续的低落，也否定自己的价值。"}
    assert checked(bad, chinese_task, one).problems == ("the explanation quotes words that are not in the post",)


def test_translations_come_from_the_server_and_nothing_is_asked_twice(
    tmp_path: Path, chinese_task: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The server obeys grammars: with one that admits a single text, it writes what a good translator would.
    text = json.dumps(json.dumps(CHINESE, ensure_ascii=False), ensure_ascii=False)
    monkeypatch.setattr(translate_module, "translate_grammar", lambda *_: f"start: {text}\n")
    rows = [english(), english(id="mine:2", group="mine:2", task="loneliness"), record(id="mine:3")]
    path, out = write(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl"
    with Gateway(mentalglm_server()) as gateway:
        for _ in range(2):
            done = translate_records(path, out, "zh", Connection(gateway.url, "embedded", retries=0), grammar=True)
            assert (done.translated, done.rejected, done.unanswered) == (1, 1, 0) and len(gateway.bodies) == 1
    sent = json.dumps(gateway.bodies, ensure_ascii=False)
    assert (
        "555-0143" not in sent
        and "[phone]" in sent
        and "yes" not in json.loads(gateway.bodies[0]["messages"][1]["content"])
    )
    (one,) = read(out)
    assert one["text"] == CHINESE["text"] and one["labels"] == ["有抑郁表述"] and len(one["evidence"]) == 1
    (refused,) = read(tmp_path / "out.rejected.jsonl")
    assert refused == {"id": "mine:2", "reason": "no counterpart of task 'loneliness' with equal labels"}
    manifest = json.loads((tmp_path / "out.manifest.json").read_text(encoding="utf-8"))
    assert manifest["rows"]["already_in_the_language"] == 1 and manifest["evidence_dropped"] == 0
    assert manifest["sent"]["personal_data_masked"] == {"phone": 1} and manifest["host"] == "127.0.0.1"


def test_a_model_that_cannot_translate_is_refused(tmp_path: Path, chinese_task: Target) -> None:
    path, out = write(tmp_path / "in.jsonl", [english()]), tmp_path / "out.jsonl"
    with Gateway(mentalglm_server()) as gateway:
        settings = Connection(gateway.url, "embedded", attempts=2, max_tokens=96, retries=0)
        done = translate_records(path, out, "zh", settings, grammar=True)
        assert (done.translated, done.rejected) == (0, 1) and len(gateway.bodies) == 2
        assert "did not pass the check" in gateway.bodies[1]["messages"][-1]["content"]


def test_without_any_counterpart_nothing_is_sent(tmp_path: Path) -> None:
    path = write(tmp_path / "in.jsonl", [english()])
    with pytest.raises(UserError, match=r"no task has a counterpart .*depression.*--tasks"):
        translate_records(path, tmp_path / "out.jsonl", "zh", Connection("http://127.0.0.1:9/v1", "m"))


def test_no_configuration_translates() -> None:
    for config in (ROOT / "instructions" / "configs").glob("*.yaml"):
        assert "translat" not in config.read_text(encoding="utf-8")


def test_an_unknown_language_is_one_line(tmp_path: Path) -> None:
    code = "import typer; from mentalglm.errors import exit_on_user_error; from instructions.translate import translate"
    code += "\nwith exit_on_user_error(): typer.run(translate)"
    arguments = ["in.jsonl", "--endpoint", "http://127.0.0.1:9/v1", "--model", "m", "--out", "out.jsonl", "--to", "fr"]
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 2 and done.stderr == "error: --to 'fr' is not known; use zh or en\n"
