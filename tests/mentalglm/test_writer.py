"""Answers are written as one by one: refilled, moved about, forced along, and closed at the length limit."""

from pathlib import Path
from typing import Any

import llguidance
import pytest
import torch

from mentalglm.answer import parse_answer, render_head
from mentalglm.decoding.context import read
from mentalglm.decoding.generate import Row, Writer, make_grammar_tokenizer
from mentalglm.decoding.grammar import answer_grammar
from mentalglm.prompt import build_messages, encode_prompt, encode_text, stop_token_id
from mentalglm.tasks import load_task
from tests.tiny import SENTENCES, tiny_tokenizer

TASK = load_task("suicide_risk")
HEAD = render_head(("低自杀风险",), TASK, "grounded")


def decode(ids: list[int]) -> str:
    return str(tiny_tokenizer().decode(ids, skip_special_tokens=True)).rstrip("\ufffd")


def grammar_tokenizer() -> Any:
    return make_grammar_tokenizer(tiny_tokenizer(), [stop_token_id(tiny_tokenizer())], len(tiny_tokenizer()))


def row(place: int) -> Row:
    grammar = answer_grammar(SENTENCES[place], ["低自杀风险"], TASK, "grounded")
    return Row(grammar, encode_text(tiny_tokenizer(), HEAD), TASK.styles["grounded"].reason, place)


def prompt(place: int) -> list[int]:
    return encode_prompt(tiny_tokenizer(), build_messages(SENTENCES[place], TASK, "grounded"))


def written(model: Any, groups: list[list[int]], limit: int, at_once: int) -> dict[int, list[int]]:
    writer = Writer(grammar_tokenizer(), decode, [stop_token_id(tiny_tokenizer())], limit)
    batches = ((read(model, [prompt(k) for k in group]), [row(k) for k in group]) for group in groups)
    with torch.inference_mode():
        done = list(writer.write(batches, at_once))
    assert len({one.place for one in done}) == len(done)
    return {one.place: one.written for one in done}


def greedy(model: Any, place: int, limit: int) -> list[int]:
    """The slow way: every token the most expected one that the mask admits, forced ones as the grammar gives them."""
    matcher = llguidance.LLMatcher(grammar_tokenizer(), llguidance.grammar_from("lark", row(place).grammar))
    ids, found = prompt(place) + encode_text(tiny_tokenizer(), HEAD), list[int]()
    while len(found) < limit and not matcher.is_stopped():
        forced = matcher.compute_ff_tokens() if "理由：" not in decode(found) else []
        if not forced:
            with torch.inference_mode():
                logits = model(input_ids=torch.tensor([ids + found]), use_cache=False).logits[0, -1]
            mask = [bool(matcher.compute_logit_bias()[token]) for token in range(len(logits))]
            forced = [int(logits.masked_fill(~torch.tensor(mask), float("-inf")).argmax())]
        if forced[0] == stop_token_id(tiny_tokenizer()):
            break
        assert matcher.try_consume_tokens(forced) == len(forced)
        found += forced
    return found[:limit]


@pytest.mark.parametrize("groups", [[[0, 1, 2, 3, 4, 5]], [[0], [1, 2], [3, 4, 5]], [[5, 4], [3], [2, 1, 0]]])
def test_rows_are_written_as_alone_however_they_come(sharp_model: Any, groups: list[list[int]]) -> None:
    limit = 24
    found = written(sharp_model, groups, limit, at_once=3)
    assert sorted(found) == list(range(6))
    for place in (0, 4):
        assert found[place] == greedy(sharp_model, place, limit)
    for tokens in found.values():
        assert decode(tokens).startswith("依据：") and len(tokens) <= limit


def test_an_answer_at_the_limit_ends_with_a_sentence(sharp_model: Any) -> None:
    longer, shorter = written(sharp_model, [list(range(8))], 150, 8), written(sharp_model, [list(range(8))], 150, 2)
    assert longer == shorter
    closed = [tokens for tokens in longer.values() if 150 - 32 < len(tokens) < 150]
    for tokens in closed:
        assert decode(tokens)[-1] in "。！？.!?"
    for place, tokens in longer.items():
        answer = parse_answer(HEAD + decode(tokens), TASK, "grounded")
        assert answer is not None and all(quote.text in SENTENCES[place] for quote in answer.evidence or ())


def test_a_broken_grammar_is_our_defect(sharp_model: Any) -> None:
    writer = Writer(grammar_tokenizer(), decode, [0], 5)
    with pytest.raises(ValueError, match="grammar refused"):
        list(writer.write(iter([(read(sharp_model, [prompt(0)]), [Row("start: (", [9])])]), 1))


def test_nothing_to_write(model_folder: Path) -> None:
    assert list(Writer(grammar_tokenizer(), decode, [0], 5).write(iter([]), 0)) == []
