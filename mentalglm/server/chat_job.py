"""A chat that was asked for, and what its asker is told while it is answered."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mentalglm.prompt import Messages
from mentalglm.server.problem import Problem
from mentalglm.server.sampling import Sampling


@dataclass(frozen=True)
class TokenChance:
    """A token that was written, or could have been, and the logarithm of its probability before any grammar."""

    text: str
    raw: bytes
    logprob: float
    others: list["TokenChance"] = field(default_factory=list)


@dataclass(frozen=True)
class Started:
    """The prompt has been read."""

    prompt_tokens: int


@dataclass(frozen=True)
class Written:
    """More of the reply."""

    text: str
    chances: list[TokenChance]


@dataclass(frozen=True)
class Finished:
    """The reply is whole: ``stop``, or cut at a limit: ``length``."""

    reason: str
    tokens: int


# Nobody is left to read it, but every chat ends with a last word.
CANCELLED = Problem(499, "cancelled", "the client has gone")

Event = Started | Written | Finished | Problem


@dataclass
class ChatJob:
    """One chat.

    Attributes:
        messages: The conversation.
        emit: Called with every event, from the worker's thread; the last one is Finished or a Problem.
        sampling: How tokens are drawn.
        max_tokens: What the reply may take at most.
        stops: Strings that end it.
        matcher: The grammar it is held to, or None.
        continues: Whether the last message is the beginning of the reply.
        stream: Whether the text is wanted as it comes, or in one piece.
        top_chances: How many other tokens are told with each; None tells no probabilities at all.
        cancelled: Set when nobody waits any more.
    """

    messages: Messages
    emit: Callable[[Event], None]
    sampling: Sampling
    max_tokens: int
    stops: list[str] = field(default_factory=list)
    matcher: Any = None
    continues: bool = False
    stream: bool = False
    top_chances: int | None = None
    cancelled: bool = False
