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
        context: The batch; it is read further, and rows that have finished are dropped from it.
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

    # A grammar holds its post: at the default log level the parser could print one.
    matchers = [
        llguidance.LLMatcher(grammar_tokenizer, llguidance.grammar_from("lark", text), log_level=0) for text in grammars
    ]
    for matcher in matchers:
        if matcher.is_error():
            raise ValueError(f"grammar refused: {matcher.get_error()}")
    executor = llguidance.LLExecutor()
    written: list[list[int]] = [[] for _ in grammars]
    stops = set(stop_ids)
    places = list(range(len(grammars)))  # which row stands at each place of the batch
    finished: set[int] = set()
    for _ in range(max_new_tokens):
        logits = context.logits
        bitmask = allocate_token_bitmask(len(places), logits.shape[1])
        open_places = [(matchers[row], place) for place, row in enumerate(places) if row not in finished]
        fill_next_token_bitmask_par(executor, open_places, bitmask)
        apply_token_bitmask_inplace(logits, bitmask.to(logits.device))
        chosen = dict(zip(places, logits.argmax(dim=1).tolist(), strict=True))
        for row in [row for row in places if row not in finished]:
            if chosen[row] in stops or not matchers[row].consume_token(chosen[row]):
                finished.add(row)
            else:
                written[row].append(chosen[row])
        still = [place for place, row in enumerate(places) if row not in finished]
        if not still:
            break
        # Until half of them are done, finished rows go on reading stop tokens: that costs less than moving the others.
        if 2 * len(still) <= len(places):
            context.keep(still)
            places = [places[place] for place in still]
        context.append([[chosen[row] if row not in finished else stop_ids[0]] for row in places])
    return [decode(ids) for ids in written]
