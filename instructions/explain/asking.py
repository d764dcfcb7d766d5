"""Asks until a reply passes its checks; every reply and every verdict goes into the ledger first."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from instructions.explain.ledger import Ledger, key_of
from mentalglm.endpoint import Endpoint, Reply
from mentalglm.prompt import Messages


@dataclass(frozen=True)
class Sampling:
    """How replies are sampled."""

    max_tokens: int = 512
    temperature: float = 0.7
    seed: int = 0


@dataclass(frozen=True)
class Checked:
    """What the checks say of one reply: its content where it passes, else why not.

    Attributes:
        value: What was read from the reply, as JSON can hold it; None where it does not pass.
        problems: Every reason against it, without a word of the post.
    """

    value: dict[str, Any] | None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """How a row ended: with a value, or with the problems of its last reply; and how many replies it took."""

    value: dict[str, Any] | None
    problems: tuple[str, ...]
    attempts: int


class Asker:
    """One model, asked through the ledger: what it holds is never asked again."""

    def __init__(self, endpoint: Endpoint, ledger: Ledger, sampling: Sampling) -> None:
        self.endpoint, self.ledger, self.sampling = endpoint, ledger, sampling

    async def reply(
        self, row_id: str, messages: Messages, attempt: int = 1, grammar: str | None = None
    ) -> tuple[str, Reply]:
        """The reply to ``messages`` and the key it stands under.

        Raises:
            Refused, Unreachable, UserError: As :meth:`Endpoint.chat`; nothing is kept then.
        """
        how = self.sampling
        asked = (self.endpoint.model, messages, grammar, how.max_tokens, how.temperature, how.seed + attempt)
        key = key_of("reply", row_id, *asked)
        entry = self.ledger.get(key)
        if entry is None:
            reply = await self.endpoint.chat(
                messages,
                max_tokens=how.max_tokens,
                temperature=how.temperature,
                seed=how.seed + attempt,
                grammar=grammar,
            )
            kept = {name: value for name, value in vars(reply).items() if name != "tokens"}
            entry = self.ledger.add(key, {"id": row_id, "what": "reply", "model": self.endpoint.model, **kept})
        return key, Reply(entry["text"], entry["cut"], entry["prompt_tokens"], entry["completion_tokens"])


async def ask_until_good(
    asker: Asker,
    row_id: str,
    messages: Messages,
    check: Callable[[Reply], Awaitable[Checked]],
    again: Callable[[str, Sequence[str]], Messages],
    *,
    attempts: int,
    grammar: str | None = None,
    checked_with: str = "",
) -> Outcome:
    """Asks for one row, at most ``attempts`` times.

    Args:
        asker: Whom to ask.
        row_id: The row.
        messages: The first question.
        check: Judges a reply.
        again: From a reply and its problems to the next question.
        attempts: How often at most.
        grammar: What every reply must follow.
        checked_with: What the checks depend on besides the reply; another value, and stored verdicts don't count.
    """
    asked, checked = messages, Checked(None)
    for attempt in range(1, attempts + 1):
        reply_key, reply = await asker.reply(row_id, asked, attempt, grammar)
        key = key_of("verdict", reply_key, checked_with)
        entry = asker.ledger.get(key)
        if entry is None:
            checked = await check(reply)
            entry = asker.ledger.add(
                key, {"id": row_id, "what": "verdict", "problems": list(checked.problems), "value": checked.value}
            )
        checked = Checked(entry["value"], tuple(entry["problems"]))
        if checked.value is not None:
            return Outcome(checked.value, (), attempt)
        asked = again(reply.text, checked.problems)
    return Outcome(None, checked.problems, attempts)
