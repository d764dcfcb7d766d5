"""One window of a post, asked about at an endpoint: labels, then quoted words and the reason."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mentalglm.answer import CLOSE, OPEN, QUOTE, Answer, Quote, parse_answer, render_head
from mentalglm.calibration import Calibration
from mentalglm.endpoint import Token
from mentalglm.prompt import Messages, build_messages
from mentalglm.remote.abilities import ALTERNATIVES, Abilities
from mentalglm.remote.grammars import choice_grammar, head_grammar, whole_answer_grammar
from mentalglm.remote.option_scores import Option, option_scores
from mentalglm.remote.pool import Pool
from mentalglm.special_tokens import BrokenText, break_special_tokens
from mentalglm.tasks import Task

MAX_ANSWER_TOKENS = 512
# A first sentence alone; with every label of a long list.
MAX_HEAD_TOKENS = 256
_NONE = ""
Watch = Callable[[str], None] | None


@dataclass(frozen=True)
class Heard:
    """What an endpoint said of one window.

    Attributes:
        answer: None where it could not be read. Its quotes stand in the window word for word.
        scores: By label, as `decoding.labels.label_scores` gives them; only those that the endpoint tells.
    """

    answer: Answer | None
    scores: dict[str, float]


class WindowAsker:
    """Asks one task in one style."""

    def __init__(self, pool: Pool, abilities: Abilities, task: Task, style: str, calibration: Calibration) -> None:
        self._pool, self._can = pool, abilities
        self._task, self._style, self._calibration = task, style, calibration

    async def ask(self, text: str, labels_only: bool, watch: Watch = None) -> Heard:
        """Asks about one window.

        Args:
            text: Its words.
            labels_only: Leave evidence and explanation out.
            watch: Called with the answer so far while it is written.

        Raises:
            Refused, Unreachable, UserError: As :meth:`Pool.chat`.
        """
        sent = break_special_tokens(text)
        messages = build_messages(sent.text, self._task, self._style)
        if not self._can.grammar:
            return await self._ask_freely(messages, sent, labels_only, watch)
        scores = await self.scores(messages) if self._can.chances else {}
        labels = self._decide(scores) if self._can.chances else await self._ask_head(messages)
        if labels is None:
            return Heard(None, {})
        if labels_only:
            return Heard(Answer(tuple(labels)), scores)
        grammar = whole_answer_grammar(sent.text, labels, self._task, self._style)
        reply = await self._pool.chat(messages, max_tokens=MAX_ANSWER_TOKENS, grammar=grammar, watch=watch)
        answer = parse_answer(reply.text, self._task, self._style)
        if answer is None or set(answer.labels) != set(labels):  # it did not obey after all
            return Heard(None, {})
        if self._task.styles[self._style].evidence is None and labels:
            answer = replace(answer, evidence=await self._ask_evidence(messages, sent, labels))
        return Heard(verbatim(answer, sent), scores)

    async def scores(self, messages: Messages) -> dict[str, float]:
        """By label, how strongly the model expects it; see `decoding.labels.label_scores`."""

        async def ask(options: Sequence[Option]) -> Sequence[Token]:
            texts = [option.text for option in options]
            longest = max(len(text.encode()) for text in texts)
            reply = await self._pool.chat(
                messages,
                max_tokens=longest,
                grammar=choice_grammar(texts) if self._can.grammar else None,
                alternatives=ALTERNATIVES,
            )
            return reply.tokens

        return self._against_none(await option_scores(ask, options_of(self._task, self._style), self._can.grammar))

    async def _ask_evidence(self, messages: Messages, sent: BrokenText, labels: list[str]) -> tuple[Quote, ...]:
        """From a model that was never taught to give evidence; see `decoding.untaught_evidence`."""
        from mentalglm.decoding.untaught_evidence import MAX_EVIDENCE_TOKENS, with_evidence

        asked = with_evidence(self._task, self._style)
        grammar = whole_answer_grammar(sent.text, labels, asked, self._style, reason=False)
        reply = await self._pool.chat(messages, max_tokens=MAX_HEAD_TOKENS + MAX_EVIDENCE_TOKENS, grammar=grammar)
        answer = parse_answer(reply.text, asked, self._style)
        return (answer.evidence if answer is not None else None) or ()

    async def _ask_freely(self, messages: Messages, sent: BrokenText, labels_only: bool, watch: Watch) -> Heard:
        """Without a grammar the reply is taken as it comes: its labels, and what it quotes truly."""
        reply = await self._pool.chat(
            messages,
            max_tokens=MAX_HEAD_TOKENS if labels_only else MAX_ANSWER_TOKENS,
            alternatives=ALTERNATIVES if self._can.chances and watch is None else None,
            watch=watch,
        )
        answer = parse_answer(reply.text, self._task, self._style)
        if answer is None:
            return Heard(None, {})

        async def told(_: Sequence[Option]) -> Sequence[Token]:
            return reply.tokens

        told_scores = await option_scores(told, options_of(self._task, self._style), bound=False)
        return Heard(Answer(answer.labels) if labels_only else verbatim(answer, sent), self._against_none(told_scores))

    async def _ask_head(self, messages: Messages) -> list[str] | None:
        grammar = head_grammar(self._task, self._style)
        reply = await self._pool.chat(messages, max_tokens=MAX_HEAD_TOKENS, grammar=grammar)
        answer = parse_answer(reply.text, self._task, self._style)
        return None if answer is None else [name for name in self._task.label_names if name in answer.labels]

    def _against_none(self, logs: dict[str, float]) -> dict[str, float]:
        if not self._task.many:
            return logs
        none = logs.pop(_NONE, None)
        return {} if none is None else {name: value - none for name, value in logs.items()}

    def _decide(self, scores: dict[str, float]) -> list[str] | None:
        """None where nothing is known."""
        from mentalglm.decoding.labels import decide
        from mentalglm.remote.probabilities import probabilities_of

        if not scores:
            return None
        return decide(probabilities_of(scores, self._task, self._calibration), self._task, self._calibration)


def options_of(task: Task, style: str) -> list[Option]:
    """What an answer may begin with: by label, and for many-label tasks also without any."""
    if not task.many:
        return [Option(render_head((name,), task, style), name) for name in task.label_names]
    template = task.styles[style]
    before, after = template.head.split("{labels}")
    firsts = [
        Option(before + task.surface(style, name) + ending, name)
        for name in task.label_names
        for ending in (template.separator, after)
    ]
    return [Option(template.none or "", _NONE), *firsts]


def verbatim(answer: Answer, sent: BrokenText) -> Answer:
    """``answer`` with quotes as the post itself has them; evidence that the post does not hold is dropped."""
    evidence = answer.evidence and tuple(
        Quote(words, quote.label) for quote in answer.evidence if (words := sent.before(quote.text)) is not None
    )
    return Answer(answer.labels, evidence, answer.explanation and _quote_truly(answer.explanation, sent))


def _quote_truly(explanation: str, sent: BrokenText) -> str:
    def back(found: re.Match[str]) -> str:
        return OPEN + (sent.before(found.group(1)) or found.group(1)) + CLOSE

    return QUOTE.sub(back, explanation) if sent.places else explanation
