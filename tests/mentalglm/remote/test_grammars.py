"""Grammars of whole replies admit what a model trained here writes, for every task and style that ships."""

import llguidance
import pytest

from mentalglm.answer import Answer, Quote, parse_answer, render_answer, render_head
from mentalglm.decoding.generate import make_grammar_tokenizer
from mentalglm.prompt import encode_text, stop_token_id
from mentalglm.remote.grammars import choice_grammar, head_grammar, whole_answer_grammar
from mentalglm.remote.window import options_of
from mentalglm.tasks import load_task, task_names
from tests.tiny import tiny_tokenizer

STYLES = [(name, style) for name in task_names() for style in load_task(name).styles]


def admits(grammar: str, text: str) -> bool:
    tokenizer = tiny_tokenizer()
    stop = stop_token_id(tokenizer)
    # "grammar" is the word under which vLLM hands a grammar to llguidance.
    parsed = llguidance.grammar_from("grammar", grammar)
    matcher = llguidance.LLMatcher(make_grammar_tokenizer(tokenizer, [stop], len(tokenizer)), parsed, log_level=0)
    assert not matcher.is_error(), matcher.get_error()
    return bool(matcher.consume_tokens([*encode_text(tokenizer, text), stop]))


@pytest.mark.parametrize(("name", "style"), STYLES)
def test_first_sentences(name: str, style: str) -> None:
    task = load_task(name)
    sets = [(label,) for label in task.label_names] + ([(), tuple(task.label_names[:3])] if task.many else [])
    for labels in sets:
        assert admits(head_grammar(task, style), render_head(labels, task, style))
    assert not admits(head_grammar(task, style), "别的。")


@pytest.mark.parametrize(("name", "style"), STYLES)
def test_whole_answers(name: str, style: str) -> None:
    task, post = load_task(name), "今天好累，不想说话。"
    labels = tuple(task.label_names[:1])
    quotes = (Quote("好累", labels[0] if task.many else None),)
    answer = Answer(labels, quotes if task.styles[style].evidence is not None else None, "写到好累。")
    text = render_answer(answer, task, style)
    assert parse_answer(text, task, style) == answer
    assert admits(whole_answer_grammar(post, labels, task, style), text)
    assert not admits(whole_answer_grammar("别的话。", labels, task, style), text) or answer.evidence is None


@pytest.mark.parametrize(("name", "style"), STYLES)
def test_options_are_told_apart(name: str, style: str) -> None:
    options = options_of(load_task(name), style)
    assert admits(choice_grammar([option.text for option in options]), options[-1].text)
    for one in options:
        assert not any(other.text.startswith(one.text) and other.key != one.key for other in options)
