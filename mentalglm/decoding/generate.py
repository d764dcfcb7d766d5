"""Writes the rest of the answers of a batch, greedily, each row under its own grammar."""

from collections.abc import Callable
from typing import Any

from mentalglm.decoding.context import Context


def make_grammar_tokenizer(tokenizer: Any, stop_ids: list[int], vocab_size: int) -> Any:
    """llguidance's view of a tokenizer; every stop id ends an answer.

    Args:
        tokenizer: A Hugging Face fast tokenizer.
        stop_ids: The ids that end an answer.
        vocab_size: The width of the model's logits, which may exceed the tokenizer's own.
    """
    import llguidance.hf

    return llguidance.hf.from_tokenizer(tokenizer, n_vocab=vocab_size, eos_token=stop_ids)


def generate(
    context: Context,
    grammars: list[str],
    grammar_tokenizer: Any,
    decode: Callable[[list[int]], str],
    stop_ids: list[int],
    max_new_tokens: int,
) -> list[str]:
    """Continues every row of ``context`` until its grammar's end, a stop token or the length limit.

    Args:
        context: The batch; it is read further.
        grammars: One grammar a row.
        grammar_tokenizer: As :func:`make_grammar_tokenizer` makes it.
        decode: Token ids to text.
        stop_ids: The ids that end an answer.
        max_new_tokens: The length limit of a row.

    Returns:
        The text each row wrote, stop token excluded.

    Raises:
        ValueError: A grammar was refused, a defect of ours and not of the post.
    """
    import llguidance
    from llguidance.torch import allocate_token_bitmask, apply_token_bitmask_inplace, fill_next_token_bitmask_par

    matchers = [llguidance.LLMatcher(grammar_tokenizer, llguidance.grammar_from("lark", text)) for text in grammars]
    for matcher in matchers:
        if matcher.is_error():
            raise ValueError(f"grammar refused: {matcher.get_error()}")
    executor = llguidance.LLExecutor()
    written: list[list[int]] = [[] for _ in grammars]
    active = set(range(len(grammars)))
    bitmask = allocate_token_bitmask(len(grammars), context.logits.shape[1])
    stops = set(stop_ids)
    for _ in range(max_new_tokens):
        fill_next_token_bitmask_par(executor, [(matchers[row], row) for row in sorted(active)], bitmask)
        logits = context.logits
        apply_token_bitmask_inplace(logits, bitmask.to(logits.device))
        chosen = logits.argmax(dim=1).tolist()
        for row in list(active):
            token = chosen[row]
            if token in stops or not matchers[row].consume_token(token):
                active.discard(row)
            else:
                written[row].append(token)
        if not active:
            break
        # A finished row goes on reading stop tokens: its place in the batch costs less than moving the others.
        context.append([[chosen[row] if row in active else stop_ids[0]] for row in range(len(grammars))])
    return [decode(ids) for ids in written]
