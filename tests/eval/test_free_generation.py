"""Free generation: what counts as an answer and what does not; models loaded here and behind an endpoint."""

import json
from pathlib import Path

import pytest

from eval.free_generation import read_reply, with_format
from mentalglm.answer import Answer, render_answer
from mentalglm.tasks import load_task, task_names
from tests.endpoints import Gateway, mentalglm_server
from tests.eval.commands import evaluate, manifest, samples
from tests.tiny import save_tiny

NOTHING = (
    "",
    " \n ",
    "。",
    "**",
    "I cannot help with that.",
    "作为一个语言模型，我不能判断。",
    "As an AI, I would say yes or no depending on the context.",
    "The poster may or may not suffer from it. Yes and no.",
    "不是高自杀风险",
    "也许是高自杀风险，也许是低自杀风险",
    "没有办法判断",
    "No idea.",
    "None of your business",
    "<think>低自杀风险",
    '{"label": null}',
    "考虑以下这个帖子",
)


@pytest.mark.parametrize("name", task_names())
def test_what_answers_nothing_is_no_label(name: str) -> None:
    task = load_task(name)
    for style in task.styles:
        for text in NOTHING:
            assert read_reply(text, task, style) is None, text
        # A label in an argument, in a question or behind a refusal is none either.
        for label in task.label_names:
            surface = task.surface(style, label)
            for text in (f"It is hard to say whether {surface} applies", f"我不确定。{surface}", f"{surface}？不好说"):
                assert read_reply(text, task, style) is None, text


@pytest.mark.parametrize("name", task_names())
def test_every_label_is_read_in_its_form_and_alone(name: str) -> None:
    task = load_task(name)
    for style in task.styles:
        for label in task.label_names:
            whole = render_answer(
                Answer((label,), None, "因为。" if task.language == "zh" else "Because."), task, style
            )
            for text in (whole, f"<think>想一想</think>\n{whole}", f"**{whole}", f"\n {whole}"):
                read = read_reply(text, task, style)
                assert read is not None and read.labels == (label,), text
            for text in (task.surface(style, label), f"**{task.surface(style, label)}**。\n"):
                read = read_reply(text, task, style)
                assert read is not None and read.labels == (label,), text


def test_several_labels_and_none() -> None:
    task = load_task("cognitive_distortion")
    for text in ("以偏概全、乱贴标签", "以偏概全，乱贴标签。\n理由：一次就说总是。", "以偏概全;乱贴标签"):
        read = read_reply(text, task, "grounded")
        assert read is not None and set(read.labels) == {"以偏概全", "乱贴标签"}
    with_reason = read_reply("以偏概全\n依据：以偏概全「总是」。理由：一次就说总是。", task, "grounded")
    assert with_reason is not None and with_reason.explanation == "一次就说总是。"
    assert with_reason.evidence is not None and with_reason.evidence[0].text == "总是"
    for text in ("无", "没有", "None.", task.styles["grounded"].none or ""):
        read = read_reply(text, task, "grounded")
        assert read is not None and read.labels == ()
    assert read_reply("以偏概全、别的", task, "grounded") is None
    assert read_reply("低自杀风险、高自杀风险", load_task("suicide_risk"), "grounded") is None


@pytest.mark.parametrize("name", ["suicide_risk", "cognitive_distortion", "stress", "stress_cause"])
def test_a_foreign_model_is_told_the_form(name: str) -> None:
    task = load_task(name)
    style = next(iter(task.styles))
    asked = with_format(task, style, labels_only=False).styles[style].prompt
    assert asked.startswith(task.styles[style].prompt) and asked.count("{post}") == 1
    assert all(task.surface(style, label) in asked for label in task.label_names)
    assert task.styles[style].reason in asked
    assert task.styles[style].reason not in with_format(task, style, labels_only=True).styles[style].prompt


def test_the_embedded_model_writes_and_is_read(records: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    evaluate("run", "--task", "suicide_risk", "--data", records, "--generate", "--limit", 4, "--out", out)
    kept = samples(out)
    assert len(kept) == 4 and sum(item["parsed"] for item in kept) >= 3
    for item in kept:
        assert set(item["probabilities"].values()) == {None}
        assert len(item["reply"]) == 1 and item["reply"][0]
        assert (item["crisis"] is None) == (not item["parsed"])
    assert manifest(out)["options"]["generate"] and evaluate("score", out).exit_code == 0


def test_a_model_that_talks_nonsense_parses_to_nothing_and_scores_nought(records: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    tiny = save_tiny(tmp_path / "tiny")
    evaluate(
        "run", "--task", "suicide_risk", "--data", records, "--model", tiny, "--generate", "--limit", 4, "--out", out
    )
    assert [item["parsed"] for item in samples(out)] == [False] * 4
    assert all(item["labels"] == [] and item["evidence"] == [] for item in samples(out))
    evaluate("score", out)
    assert json.loads((out / "scores.json").read_text(encoding="utf-8"))["parse_rate"]["value"] == 0


@pytest.mark.slow
def test_an_endpoint_is_asked_in_all_three_ways(records: Path, tmp_path: Path) -> None:
    with Gateway(mentalglm_server()) as gateway:
        command = ("run", "--task", "suicide_risk", "--data", records, "--limit", 2, "--labels-only")
        command += ("--endpoint", gateway.url, "--endpoint-model", "embedded", "--style", "grounded")
        for way, extra in (("zero", ()), ("few", ("--shots", 1)), ("free", ("--generate",))):
            before = len(gateway.bodies)
            done = evaluate(*command, *extra, "--out", tmp_path / way)
            assert done.exit_code == 0 and len(samples(tmp_path / way)) == 2
            asked = [body["messages"][-1]["content"] for body in gateway.bodies[before:]]
            assert any("现在请回答" in text for text in asked) == (way == "few")
            assert any("请用一句话开头" in text for text in asked) == (way == "free")
        told = manifest(tmp_path / "few")
        assert told["model"]["endpoints"] == [gateway.url] and told["setting"] == "few-shot"


@pytest.mark.slow
def test_an_endpoint_that_goes_away_loses_nothing(records: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with Gateway(mentalglm_server()) as gateway:
        command = ("run", "--task", "suicide_risk", "--data", records, "--limit", 3, "--labels-only", "--generate")
        command += ("--endpoint", gateway.url, "--endpoint-model", "embedded", "--style", "grounded", "--out", out)
        gateway.fault = lambda place: (400, {}) if place % 3 == 1 else None
        done = evaluate(*command)
        assert done.exit_code == 1 and "posts got no answer" in done.stderr
        kept = len(samples(out))
        assert 0 < kept < 3
        gateway.fault = lambda place: None
        assert evaluate(*command).exit_code == 0
        assert len({item["id"] for item in samples(out)}) == 3 == len(samples(out))
