"""The key-value cache gives what reading everything afresh gives, for every row of a batch."""

from typing import Any

import pytest
import torch

from mentalglm.answer import render_head
from mentalglm.decoding.context import Context, read
from mentalglm.prompt import build_messages, encode_prompt, encode_text
from mentalglm.tasks import load_task
from tests.tiny import SENTENCES, TASKS, tiny_tokenizer

CLOSE: dict[str, Any] = {"atol": 1e-4, "rtol": 1e-4}
POSTS = [SENTENCES[0], "累", SENTENCES[1] * 12, "".join(SENTENCES[3:7])]


@pytest.fixture(autouse=True)
def _no_gradients() -> Any:
    with torch.inference_mode():
        yield


def prompts(task: str = "suicide_risk") -> list[list[int]]:
    return [encode_prompt(tiny_tokenizer(), build_messages(post, load_task(task), "grounded")) for post in POSTS]


def heads(task: str) -> list[list[int]]:
    known = load_task(task)
    return [encode_text(tiny_tokenizer(), render_head((name,), known, "grounded")) for name in known.label_names]


def fresh_logits(model: Any, ids: list[int]) -> torch.Tensor:
    """(T, V), from one plain forward pass without cache, padding or batch."""
    logits: torch.Tensor = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
    return logits


def fresh_score(model: Any, prompt: list[int], continuation: list[int]) -> float:
    expected = fresh_logits(model, prompt + continuation)[len(prompt) - 1 : -1].log_softmax(dim=1)
    return float(expected.gather(1, torch.tensor(continuation)[:, None]).sum())


def state(context: Context) -> list[torch.Tensor]:
    layers = context.cache.layers
    return [context.mask, context.logits, *(part for layer in layers for part in (layer.keys, layer.values))]


@pytest.mark.parametrize("task", TASKS)
def test_scores_are_those_of_a_plain_forward_pass(sharp_model: Any, task: str) -> None:
    candidates = heads(task)
    rows = prompts(task)
    scores = read(sharp_model, rows).score(candidates)
    plain = torch.tensor([[fresh_score(sharp_model, row, head) for head in candidates] for row in rows])
    torch.testing.assert_close(scores, plain, **CLOSE)
    assert (plain[0] - plain[1]).abs().max() > 0.01  # else the test could not tell one post from another


def test_beginnings_of_each_other_single_tokens_and_shared_tails_are_scored_too(sharp_model: Any) -> None:
    row = prompts()[0]
    candidates = [[9], [9, 10], [9, 10, 11, 12], [13, 10, 11, 12], [9, 10, 14], [9, 9, 9]]
    scores = read(sharp_model, [row]).score(candidates)
    plain = torch.tensor([[fresh_score(sharp_model, row, candidate) for candidate in candidates]])
    torch.testing.assert_close(scores, plain, **CLOSE)


def test_single_tokens_alone_sum_to_one(sharp_model: Any) -> None:
    every = [[token] for token in range(sharp_model.config.vocab_size)]
    scores = read(sharp_model, prompts()[:2]).score(every)
    torch.testing.assert_close(scores.exp().sum(dim=1), torch.ones(2), **CLOSE)


def test_scoring_leaves_the_context_as_it_was(sharp_model: Any) -> None:
    context = read(sharp_model, prompts())
    before = [tensor.clone() for tensor in state(context)]
    first = context.score(heads("suicide_level"))
    after = state(context)
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        assert torch.equal(old, new)
    assert torch.equal(context.score(heads("suicide_level")), first)


def test_reading_on_equals_reading_the_whole(sharp_model: Any) -> None:
    rows = prompts()
    more = [[20, 21, 22], [30], [25] * 40, [9, 8]]
    again = [[31, 32], [33, 34, 35], [36], [37]]
    context = read(sharp_model, rows)
    context.append(more)
    context.score(heads("suicide_risk"))
    context.append(again)
    whole = [a + b + c for a, b, c in zip(rows, more, again, strict=True)]
    assert context.lengths.tolist() == [len(row) for row in whole]
    plain = torch.stack([fresh_logits(sharp_model, row)[-1] for row in whole])
    torch.testing.assert_close(context.logits, plain, **CLOSE)
    scores = context.score(heads("emotional_safety"))
    alone = [[fresh_score(sharp_model, row, head) for head in heads("emotional_safety")] for row in whole]
    torch.testing.assert_close(scores, torch.tensor(alone), **CLOSE)


def test_a_row_in_a_batch_is_read_as_it_is_alone(sharp_model: Any) -> None:
    rows = prompts()
    assert len({len(row) for row in rows}) == len(rows)
    together = read(sharp_model, rows)
    for number, row in enumerate(rows):
        alone = read(sharp_model, [row])
        torch.testing.assert_close(together.logits[number : number + 1], alone.logits, **CLOSE)
        torch.testing.assert_close(
            together.score(heads("cognitive_pathway"))[number : number + 1],
            alone.score(heads("cognitive_pathway")),
            **CLOSE,
        )


def test_what_pads_a_row_does_not_matter(sharp_model: Any) -> None:
    short = prompts()[1]
    for width in (1, 7, 300):
        context = read(sharp_model, [short, short + [40] * width])
        assert torch.isfinite(context.logits).all()
        torch.testing.assert_close(context.logits[0], fresh_logits(sharp_model, short)[-1], **CLOSE)
