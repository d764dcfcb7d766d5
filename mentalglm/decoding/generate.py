"""Writes the rest of answers, greedily, each row under its own grammar; rows that end make room for others."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from mentalglm.decoding.reading import Reading

# So close to the length limit an answer ends with the sentence it is in.
_LAST_TOKENS = 32
_SENTENCE_ENDS = "。！？.!?"


@dataclass
class Row:
    """One answer that is being written.

    Attributes:
        grammar: What may be written.
        begun: The tokens of the first sentence, which stand fast.
        free_behind: The words behind which the grammar forces nothing; empty if there are none.
        place: Whose answer it is, for the caller.
        written: What has been written behind them.
        watch: Called with the row whenever more has been written, for those who read along.
    """

    grammar: str
    begun: list[int]
    free_behind: str = ""
    place: int = 0
    written: list[int] = field(default_factory=list)
    watch: Callable[["Row"], None] | None = None


def make_grammar_tokenizer(tokenizer: Any, stop_ids: list[int], vocab_size: int) -> Any:
    """llguidance's view of a tokenizer; every stop id ends an answer.

    Args:
        tokenizer: A Hugging Face fast tokenizer.
        stop_ids: The ids that end an answer.
        vocab_size: The width of the model's logits, which may exceed the tokenizer's own.
    """
    import llguidance.hf

    return llguidance.hf.from_tokenizer(tokenizer, n_vocab=vocab_size, eos_token=stop_ids)


class Writer:
    """Writes answers, many at a time.

    Args:
        grammar_tokenizer: As :func:`make_grammar_tokenizer` makes it.
        decode: Token ids to text.
        stop_ids: The ids that end an answer.
        max_new_tokens: The length limit of an answer, its first sentence not counted.
    """

    def __init__(
        self, grammar_tokenizer: Any, decode: Callable[[list[int]], str], stop_ids: list[int], max_new_tokens: int
    ) -> None:
        self._grammar_tokenizer, self._decode = grammar_tokenizer, decode
        self._stop_ids, self._limit = set(stop_ids), max_new_tokens

    def write(self, batches: Iterator[tuple[Reading, list[Row]]], at_once: int) -> Iterator[Row]:
        """Finishes every row of every batch.

        Args:
            batches: Prompts that have been read, and their rows. The next is taken when less than half of ``at_once``
                rows are still being written, so that the model's time is never spent on a few stragglers.
            at_once: How many rows are written at a time, about.

        Yields:
            Each row when it is done.
        """
        pool: Reading | None = None
        rows: list[_Open] = []
        more = True
        while more or rows:
            while more and 2 * len(rows) <= at_once:
                batch = next(batches, None)
                if batch is None:
                    more = False
                    break
                context, new = batch
                opened = [_Open(row, self._matcher(row.grammar)) for row in new]
                # What the grammar forces at once is read together with the first sentence.
                context.append([row.begun + self._take_forced(one) for row, one in zip(new, opened, strict=True)])
                rows += opened
                if pool is None or len(rows) == len(opened):
                    pool = context
                else:
                    pool.join(context)
            if pool is None or not rows:
                continue
            read = self._choose(pool.logits, rows)
            for one in rows:
                if one.row.watch is not None:
                    one.row.watch(one.row)
            still = [place for place, token in enumerate(read) if token is not None]
            yield from (one.row for one, token in zip(rows, read, strict=True) if token is None)
            if len(still) < len(rows):
                still = _close_ranks(still)
                rows = [rows[place] for place in still]
                if rows:
                    pool.keep(still)
            if rows:
                pool.append([[read[place]] for place in still])  # type: ignore[list-item]

    def _choose(self, logits: torch.Tensor, rows: "list[_Open]") -> list[int | None]:
        """The token that every row reads next, None where it is done."""
        # By numpy where it can: torch's threads would go on turning while ONNX Runtime's want the processor.
        best = (logits.numpy() if logits.device.type == "cpu" else logits).argmax(1).tolist()
        chosen: list[int | None] = []
        for place, (one, token) in enumerate(zip(rows, best, strict=True)):
            if one.queue:
                chosen.append(one.queue.pop(0))
            elif len(one.row.written) >= self._limit or self._may_end_here(one):
                chosen.append(None)
            else:
                chosen.append(self._write_one(one, token, logits[place]))
        return chosen

    def _write_one(self, one: "_Open", best: int, logits: torch.Tensor) -> int | None:
        """Writes the most expected token that the grammar admits; None at the end."""
        matcher = one.matcher
        if matcher.is_stopped():
            return None
        # Most often it is the most expected token of all: asking for it alone is cheaper than asking for all.
        if best in self._stop_ids:
            taken = 0
            if matcher.is_accepting():
                return None
        else:
            taken = matcher.try_consume_tokens([best])
        if not taken:
            best = int(np.where(_admitted(matcher, len(logits)), logits.cpu().numpy(), -np.inf).argmax())
            if best in self._stop_ids or not matcher.consume_token(best):
                return None
        one.row.written.append(best)
        if matcher.is_stopped():
            return None
        one.queue = self._take_forced(one)
        return best

    def _take_forced(self, one: "_Open") -> list[int]:
        """What the grammar forces next, written without asking the model."""
        if one.free:
            return []
        forced = list(one.matcher.compute_ff_tokens())[: self._limit - len(one.row.written)]
        taken = one.matcher.try_consume_tokens(forced) if forced else 0
        one.row.written += forced[:taken]
        if taken and one.row.free_behind:
            one.free = one.row.free_behind in self._decode(one.row.written)
        return forced[:taken]

    def _may_end_here(self, one: "_Open") -> bool:
        near = self._limit - len(one.row.written) < _LAST_TOKENS
        return near and one.matcher.is_accepting() and self._decode(one.row.written).endswith(tuple(_SENTENCE_ENDS))

    def _matcher(self, grammar: str) -> Any:
        import llguidance

        # A grammar holds its post: at the default log level the parser could print one.
        matcher = llguidance.LLMatcher(self._grammar_tokenizer, llguidance.grammar_from("lark", grammar), log_level=0)
        if matcher.is_error():
            raise ValueError(f"grammar refused: {matcher.get_error()}")
        return matcher


@dataclass
class _Open:
    """A row and its grammar's state.

    Attributes:
        row: The answer.
        matcher: The state.
        queue: Forced tokens that are written but not yet read.
        free: Whether nothing is forced any more.
    """

    row: Row
    matcher: Any
    free: bool = False
    queue: list[int] = field(default_factory=list)


def _close_ranks(still: list[int]) -> list[int]:
    """The places kept, the last ones moved into the gaps, so that few rows have to move: 0 2 3 5 -> 0 5 2 3."""
    kept, size = set(still), len(still)
    movers = [place for place in still if place >= size]
    return [place if place in kept else movers.pop() for place in range(size)]


def _admitted(matcher: Any, width: int) -> np.ndarray:
    """(V,), which tokens the grammar admits."""
    bits = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
    return np.unpackbits(bits, bitorder="little")[:width].astype(bool)
