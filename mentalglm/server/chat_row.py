"""One chat while it is answered: its place in the batch, its words so far, when it ends."""

from collections.abc import Callable
from typing import Any

from mentalglm.server.chat_job import ChatJob, Finished, TokenChance, Written
from mentalglm.server.chat_text import ChatText
from mentalglm.server.problem import Problem
from mentalglm.server.sampling import Sampler


class ChatRow:
    """A chat whose prompt has been read.

    Args:
        job: What was asked.
        room: How many tokens the reply may take, by the job and by the model's context.
        stop_ids: The tokens that end a reply.
        decode: Token ids to text.
        raw: A token id to its bytes.
    """

    def __init__(
        self,
        job: ChatJob,
        room: int,
        stop_ids: list[int],
        decode: Callable[[list[int]], str],
        raw: Callable[[int], bytes],
    ) -> None:
        self.job, self.finished, self.token = job, False, stop_ids[0]
        self._room, self._stop_ids, self._decode, self._raw = room, set(stop_ids), decode, raw
        self._text = ChatText(decode, job.stops)
        self._sampler = Sampler(job.sampling)
        self._count = 0
        self._ready = ""
        self._chances: list[TokenChance] = []

    def step(self, expected: Any, logits: Any) -> None:
        """Writes one token, or ends.

        Args:
            expected: (V,), what the model expects.
            logits: (V,), the same with -inf where the grammar admits nothing.
        """
        token = self._sampler.choose(logits)
        self._count += 1
        if token in self._stop_ids:
            self._end("stop", self._text.rest())
            return
        if self.job.matcher is not None and not self.job.matcher.consume_token(token):
            self.fail(Problem(400, "grammar_failed", "the grammar is too complex to be followed"))
            return
        self.token = token
        if self.job.top_chances is not None:
            self._chances.append(self._chance(token, expected.log_softmax(dim=-1)))
        text, stopped = self._text.take(token)
        self._ready += text
        if stopped:
            self._end("stop", "")
        elif self.job.matcher is not None and self.job.matcher.is_stopped():
            self._end("stop", self._text.rest())
        elif self._count >= self._room:
            self._end("length", self._text.rest())
        elif self.job.stream:
            self._send()

    def fail(self, problem: Problem) -> None:
        """Ends without a reply."""
        self.finished = True
        self.job.emit(problem)

    def _end(self, reason: str, rest: str) -> None:
        self.finished = True
        self._ready += rest
        self._send()
        self.job.emit(Finished(reason, self._count))

    def _send(self) -> None:
        if self._ready or (self.finished and self._chances):
            self.job.emit(Written(self._ready, self._chances))
            self._ready, self._chances = "", []

    def _chance(self, token: int, logprobs: Any) -> TokenChance:
        values, tokens = logprobs.topk(self.job.top_chances or 1)
        others = list(zip(tokens.tolist(), values.tolist(), strict=True)) if self.job.top_chances else []
        return TokenChance(
            self._decode([token]),
            self._raw(token),
            float(logprobs[token]),
            [TokenChance(self._decode([other]), self._raw(other), value) for other, value in others],
        )
