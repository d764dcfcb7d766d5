"""Explaining over real servers: what is asked, taken, refused, written; and that a killed run asks nothing twice."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import instructions.explain.run as run_module
from instructions.checks import explanation_fault, problems
from instructions.explain.connection import Connection
from instructions.explain.quality import CUT, TWIN, UNREAD
from instructions.explain.run import explain_records
from instructions.explain.settings import ExplainSettings
from instructions.records import Record
from mentalglm.errors import UserError
from tests.endpoints import ROOT, Gateway, mentalglm_server, transformers_server
from tests.instructions.explain.records import read, record, unexplained, write

COMMAND = """
import typer
from instructions.explain.cli import explain
from mentalglm.errors import exit_on_user_error

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(explain)
with exit_on_user_error():
    app()
"""
BARE = ExplainSettings(shots=0, grammar=True)


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway(mentalglm_server()) as gateway:
        yield gateway


def connection(gateway: Gateway, **changes: Any) -> Connection:
    return Connection(gateway.url, "embedded", **({"attempts": 2, "retries": 0} | changes))


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-c", COMMAND, *map(str, arguments)]


def said(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)


def manifest(out: Path) -> Any:
    return json.loads(out.with_suffix(".manifest.json").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_a_real_model_explains_and_only_sound_explanations_are_taken(tmp_path: Path, gateway: Gateway) -> None:
    before = record("早就说明白了。", id="mine:told", explanation="写于之前，人写的。", explanation_by="human")
    private = record("睡不着，好累，电话13800138000。", id="mine:private")
    wrong = record(id="mine:wrong", labels=["中自杀风险"])
    rows = [before, *unexplained("suicide_risk", 10), private, wrong, *unexplained("emotional_safety", 6)]
    path, out = write(tmp_path / "in.jsonl", rows), tmp_path / "out" / "out.jsonl"
    settings = ExplainSettings(shots=1, grammar=True)
    done = explain_records(path, out, connection(gateway, prices=(1.0, 2.0)), settings)

    written = [Record.model_validate(one) for one in read(out)]
    assert [one.id for one in written] == [one.id for one in rows] and written[0] == before
    taken = [one for one in written if one.explanation_by == "llm"]
    assert done.explained == len(taken) > 0 and done.unanswered == 0 and done.unchecked == ()
    for one in taken:
        assert not problems(one) and explanation_fault(one) is None and one.meta == {"explained_by": "embedded"}
        assert one.labels == next(row.labels for row in rows if row.id == one.id)
    reasons = {line["id"]: line["reason"] for line in read(out.with_suffix(".rejected.jsonl"))}
    assert set(reasons) == {one.id for one in written if one.explanation is None} and done.rejected == len(reasons)
    assert "label '中自杀风险'" in reasons["mine:wrong"] and all(reasons.values())

    sent = json.dumps(gateway.bodies, ensure_ascii=False)
    assert "13800138000" not in sent and "〔电话〕" in sent and "早就说明白了" not in sent and "mine:" not in sent
    assert all(len(body["messages"]) >= 4 for body in gateway.bodies)  # one example, as two turns
    told = manifest(out)
    assert told["host"] == "127.0.0.1" and not told["outside_private_ranges"] and told["model"] == "embedded"
    assert told["sent"]["posts"] == 17 and told["sent"]["personal_data_masked"] == {"phone": 1}
    assert told["replies"] == len(gateway.bodies) == sum(int(n) * rows for n, rows in told["attempts_of_rows"].items())
    assert told["tokens"]["read"] > 0 and told["cost"] > 0 and told["finished"]
    assert told["consistency"]["suicide_risk"]["wrong_labels_caught"] > 0.9
    assert told["rows"] == {"asked_about": 17, "explained": len(taken), "rejected": len(reasons), "without_reply": 0,
                            "explained_before": 1}  # fmt: skip

    asked, first = len(gateway.bodies), out.read_bytes()
    explain_records(path, out, connection(gateway, prices=(1.0, 2.0)), settings)
    assert len(gateway.bodies) == asked and out.read_bytes() == first


@pytest.mark.slow
def test_a_killed_run_goes_on_and_asks_nothing_twice(tmp_path: Path, gateway: Gateway) -> None:
    path, out = write(tmp_path / "in.jsonl", unexplained("suicide_risk", 8)), tmp_path / "out.jsonl"
    arguments = (path, "--endpoint", gateway.url, "--model", "embedded", "--out", out, "--grammar", "--shots", "0",
                 "--attempts", "2", "--concurrency", "1")  # fmt: skip
    gateway.delay = 0.3
    process = subprocess.Popen(command(*arguments), cwd=ROOT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(gateway.bodies) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not out.exists() and 5 <= len(gateway.bodies) <= 6
    answered = sum(line["what"] == "reply" for line in read(out.with_suffix(".ledger.jsonl")))
    assert answered >= 4
    gateway.delay = 0.0
    done = said(*arguments)
    assert done.returncode == 0, done.stderr
    asked = Counter(json.dumps(body, sort_keys=True) for body in gateway.bodies)
    # Only what was under way when the run was killed, and had no reply yet, is asked again.
    assert sum(asked.values()) - len(asked) <= 1
    replies = [line for line in read(out.with_suffix(".ledger.jsonl")) if line["what"] == "reply"]
    assert len(replies) == len(asked)

    whole = tmp_path / "whole.jsonl"
    explain_records(path, whole, connection(gateway, concurrency=1), BARE)
    assert whole.read_bytes() == out.read_bytes()


def test_ctrl_c_is_one_line_and_what_was_answered_is_kept(tmp_path: Path, gateway: Gateway) -> None:
    path, out = write(tmp_path / "in.jsonl", unexplained("suicide_risk", 8)), tmp_path / "out.jsonl"
    arguments = (path, "--endpoint", gateway.url, "--model", "embedded", "--out", out, "--grammar", "--shots", "0")
    gateway.delay = 0.5
    process = subprocess.Popen(
        command(*arguments, "--concurrency", "2"), cwd=ROOT, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )
    while len(gateway.bodies) < 4 and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130 and errors.strip() == "stopped; the same command goes on where it stopped"
    assert len(read(out.with_suffix(".ledger.jsonl"))) >= 2 and not out.exists()


def test_rows_without_a_reply_are_asked_next_time(tmp_path: Path, gateway: Gateway) -> None:
    path, out = write(tmp_path / "in.jsonl", unexplained("suicide_risk", 4)), tmp_path / "out.jsonl"
    gateway.fault = lambda place: (503, {}) if place in (0, 1) else None
    first = explain_records(path, out, connection(gateway, concurrency=1, attempts=1), BARE)
    assert first.unanswered == 2 and first.explained + first.rejected == 2
    reasons = [line["reason"] for line in read(out.with_suffix(".rejected.jsonl"))]
    assert reasons[:2] == ["no reply: HTTP 503"] * 2 and len(read(out)) == 4
    asked = len(gateway.bodies)
    second = explain_records(path, out, connection(gateway, concurrency=1, attempts=1), BARE)
    assert second.unanswered == 0 and len(gateway.bodies) == asked + 2


def test_an_endpoint_that_answers_nothing_is_given_up(tmp_path: Path, gateway: Gateway) -> None:
    path = write(tmp_path / "in.jsonl", unexplained("suicide_risk", 40))
    gateway.fault = lambda place: (400, {})
    with pytest.raises(UserError, match="10 rows in a row got no reply"):
        explain_records(path, tmp_path / "out.jsonl", connection(gateway, concurrency=4), BARE)
    assert len(gateway.bodies) < 20 and not (tmp_path / "out.jsonl").exists()
    assert manifest(tmp_path / "out.jsonl")["finished"] is None  # it says where posts went all the same


def test_a_model_that_writes_anything_is_refused_as_often_as_allowed(tmp_path: Path) -> None:
    url, name = transformers_server()
    path, out = write(tmp_path / "in.jsonl", unexplained("cognitive_distortion", 3)), tmp_path / "out.jsonl"
    with Gateway(url) as gateway:
        settings = Connection(gateway.url, name, attempts=2, max_tokens=24, concurrency=2)
        done = explain_records(path, out, settings, ExplainSettings(shots=0))
        assert (done.explained, done.rejected) == (0, 3) and len(gateway.bodies) == 6
        assert {line["reason"] for line in read(out.with_suffix(".rejected.jsonl"))} <= {CUT, UNREAD}
        last = [body["messages"] for body in gateway.bodies if len(body["messages"]) == 4]
        assert len(last) == 3 and all("没有通过检查" in messages[-1]["content"] for messages in last)


def test_a_second_model_judges_from_the_explanation_alone(tmp_path: Path, gateway: Gateway) -> None:
    rows = unexplained("emotional_safety", 8)
    path, out = write(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl"
    settings = ExplainSettings(shots=0, grammar=True, judge="embedded")
    explain_records(path, out, connection(gateway), settings)
    judged = [body for body in gateway.bodies if "□" in body["messages"][0]["content"]]
    assert judged and manifest(out)["consistency"] == {"by": "model", "model": "embedded"}
    for body in judged:
        shown = body["messages"][1]["content"]
        assert body["temperature"] == 0 and not any(row.text in shown for row in rows)
        assert not any(label in shown for label in ("不安全", "临界", "安全"))


def test_one_explanation_does_not_serve_two_posts(
    tmp_path: Path, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "这个帖子体现了低自杀风险。依据：无。理由：说的是日常的疲惫，没有求死的念头，也没有计划或准备，痛苦较轻。"
    monkeypatch.setattr(
        run_module, "whole_answer_grammar", lambda *_: f"start: {json.dumps(words, ensure_ascii=False)}\n"
    )
    rows = [record(f"第{n}天加班，好累。", id=f"mine:{n}", group=f"mine:{n}") for n in range(4)]
    path, out = write(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl"
    done = explain_records(path, out, connection(gateway, attempts=1), BARE)
    assert (done.explained, done.rejected) == (1, 3)
    assert {line["reason"] for line in read(out.with_suffix(".rejected.jsonl"))} == {TWIN}


def test_no_more_rows_than_wanted(tmp_path: Path, gateway: Gateway) -> None:
    path, out = write(tmp_path / "in.jsonl", unexplained("suicide_risk", 5)), tmp_path / "out.jsonl"
    done = explain_records(path, out, connection(gateway, attempts=1), ExplainSettings(shots=0, grammar=True, limit=2))
    assert len(gateway.bodies) == 2 == done.explained + done.rejected and len(read(out)) == 5


def test_a_task_without_examples_is_named(tmp_path: Path, gateway: Gateway) -> None:
    one = record("I sleep badly and nothing is fun.", task="depression", labels=["yes"], language="en")
    path, out = write(tmp_path / "in.jsonl", [one]), tmp_path / "out.jsonl"
    done = said(path, "--endpoint", gateway.url, "--model", "embedded", "--out", out, "--grammar", "--attempts", "1",
                "--price-in", "1")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "depression: too few examples" in done.stderr and "cost 0.00" in done.stderr and done.stdout == ""
    assert manifest(out)["consistency"]["depression"]["by"] is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"--endpoint": "https://8.8.8.8/v1"}, "--allow-external"),
        ({"--endpoint": "127.0.0.1"}, "not a URL"),
        ({"--out": "in.jsonl"}, "is the file that is read"),
        ({"--examples": "nowhere"}, "no such folder"),
        ({"--tasks": "nowhere"}, "no such folder"),
        ({"--api-key-env": "NO_SUCH_KEY"}, "NO_SUCH_KEY is not set"),
        ({"": "none.jsonl"}, "cannot be read"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_sent(tmp_path: Path, changes: dict[str, str], told: str) -> None:
    write(tmp_path / "in.jsonl", [record()])
    options = {"": "in.jsonl", "--endpoint": "http://127.0.0.1:9/v1", "--model": "m", "--out": "out.jsonl"} | changes
    paths = ("", "--out", "--examples", "--tasks")
    values = {key: str(tmp_path / value) if key in paths else value for key, value in options.items()}
    done = said(*(part for key, value in values.items() for part in ((key, value) if key else (value,))))
    assert done.returncode == 2 and told in done.stderr
    assert done.stderr.startswith("error: ") and len(done.stderr.splitlines()) == 1
