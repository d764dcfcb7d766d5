"""The question an endpoint gets, for every task that ships; and the grammar of whole replies."""

import llguidance
import pytest

from instructions.explain.examples import OPEN_CORPUS, read_examples
from instructions.explain.prompt import (
    again_messages,
    explain_messages,
    prompt_digest,
    system_prompt,
)
from instructions.records import Span
from mentalglm.answer import Answer, Quote, parse_answer, render_answer
from mentalglm.decoding.generate import make_grammar_tokenizer
from mentalglm.prompt import encode_text, stop_token_id
from mentalglm.remote.grammars import whole_answer_grammar
from mentalglm.tasks import load_task, task_names
from tests.instructions.explain.records import record
from tests.tiny import tiny_tokenizer


@pytest.mark.parametrize("name", task_names())
def test_every_task_is_put_into_words(name: str) -> None:
    task = load_task(name)
    style = task.style_in("grounded")
    said = system_prompt(task, style)
    assert all(task.surface(style, label.name) in said for label in task.labels)
    assert all(getattr(label.definition, task.language) in said for label in task.labels)
    assert ("依据" in said) == (task.styles[style].evidence is not None)
    assert "{" not in said  # nothing was left to fill in
    others = {prompt_digest(load_task(other)) for other in task_names() if other != name}
    assert prompt_digest(task) not in others


def test_examples_are_turns_whose_answers_parse() -> None:
    task = load_task("cognitive_distortion")
    asked = record(task="cognitive_distortion", labels=["先知错误"], id="mine:9")
    shown = read_examples(OPEN_CORPUS, [task.name]).choose(asked, 3, 0)
    messages = explain_messages(asked, "好累〔电话〕", task, "grounded", shown)
    assert [one["role"] for one in messages] == ["system", *["user", "assistant"] * 3, "user"]
    for example, message in zip(shown, messages[2::2], strict=True):
        answer = parse_answer(message["content"], task, "grounded")
        assert (
            answer is not None and list(answer.labels) == example.labels and answer.explanation == example.explanation
        )
    assert messages[-1]["content"].endswith("专家给定的标签：先知错误") and "好累〔电话〕" in messages[-1]["content"]
    assert (asked.text or "") not in str(messages)  # only the post as it may be sent


def test_words_that_experts_marked_are_told_unless_they_were_masked() -> None:
    marked = [Span(start=0, end=4, label=None), Span(start=4, end=15, label=None)]
    asked = record("心里很累13800138000", evidence=marked)
    messages = explain_messages(asked, "心里很累〔电话〕", load_task("suicide_risk"), "grounded", [])
    assert messages[-1]["content"].endswith("专家标出的原文：「心里很累」") and "13800138000" not in str(messages)


def test_reasons_are_told_with_the_reply() -> None:
    first = explain_messages(record(), "好累", load_task("suicide_risk"), "grounded", [])
    again = again_messages(first, "这个", ["理由太短或太长", "理由里有建议"], "zh")
    assert again[: len(first)] == first and again[-2] == {"role": "assistant", "content": "这个"}
    assert "理由太短或太长；理由里有建议" in again[-1]["content"]


@pytest.mark.parametrize(
    ("name", "labels"),
    [("suicide_risk", ["高自杀风险"]), ("cognitive_distortion", ["先知错误", "乱贴标签"]), ("cognitive_distortion", []),
     ("depression", ["yes"])],
)  # fmt: skip
def test_the_grammar_admits_the_gold_labels_and_nothing_else(name: str, labels: list[str]) -> None:
    post = "我就是个废物，永远不会好了。"
    task, tokenizer = load_task(name), tiny_tokenizer()
    style = task.style_in("grounded")
    machine = make_grammar_tokenizer(tokenizer, [stop_token_id(tokenizer)], len(tokenizer))
    grammar = llguidance.grammar_from("lark", whole_answer_grammar(post, labels, task, style))

    def admits(answer: Answer) -> bool:
        matcher = llguidance.LLMatcher(machine, grammar)
        assert not matcher.is_error()
        ids = encode_text(tokenizer, render_answer(answer, task, style))
        return bool(matcher.try_consume_tokens(ids) == len(ids) and matcher.is_accepting())

    quotes = [Quote("永远不会好了", label if task.many else None) for label in labels]
    evidence = tuple(quotes) if task.styles[style].evidence is not None else None
    words = "由这几个字可以看出来。" if task.language == "zh" else "These words show it."
    assert admits(Answer(tuple(labels), evidence, words))
    other = [one for one in task.label_names if one not in labels][:1]
    assert not admits(Answer(tuple(other), () if evidence is not None and not task.many else None, words))
    if evidence:
        invented = tuple(Quote("想要离开", quote.label) for quote in evidence)
        assert not admits(Answer(tuple(labels), invented, words))
