"""Several endpoints that serve one model and share the work."""

import asyncio
import random
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from mentalglm.destination import Destination
from mentalglm.endpoint import Endpoint, Reply, Unreachable, open_endpoint
from mentalglm.prompt import Messages

# A failing endpoint is left alone for a while that doubles with each failure, in seconds.
_REST, _LONGEST_REST = 0.5, 30.0


@dataclass(frozen=True)
class Line:
    """How endpoints are reached.

    Attributes:
        destinations: Where they are, as :func:`mentalglm.destination.check_destination` found them.
        model: The model's name there.
        api_key_env: The environment variable that holds the key; None for endpoints without one.
        concurrency: How many requests may be under way at each.
        seconds: How long to wait for one reply.
        retries: How often a request that got no reply is sent again.
    """

    destinations: tuple[Destination, ...]
    model: str
    api_key_env: str | None = None
    concurrency: int = 16
    seconds: float = 120.0
    retries: int = 6


@dataclass
class _Member:
    endpoint: Endpoint
    under_way: int = 0
    failures: int = 0
    rests_until: float = 0.0

    def send_to_rest(self) -> None:
        """After a failure; the others that were under way then make it no worse."""
        now = time.monotonic()
        if self.rests_until <= now:
            self.failures += 1
            rest = min(_REST * 2 ** (self.failures - 1), _LONGEST_REST)
            # Jitter, so that several clients don't all come back at one moment.
            self.rests_until = now + rest * random.uniform(0.75, 1.25)


class Pool:
    """Asks whichever endpoint has least to do; one that fails rests, and its requests go to the others.

    Attributes:
        replies: How many replies came in.
    """

    def __init__(self, line: Line) -> None:
        self.replies = 0
        self._line = line
        self._members: list[_Member] = []
        self._stack = AsyncExitStack()

    async def open(self) -> None:
        """Opens the connection pools.

        Raises:
            UserError: The package ``openai`` is missing, or the key's variable is not set.
        """
        line = self._line
        alone = len(line.destinations) == 1
        for destination in line.destinations:
            endpoint = await self._stack.enter_async_context(
                open_endpoint(
                    destination,
                    line.model,
                    api_key_env=line.api_key_env,
                    concurrency=line.concurrency,
                    seconds=line.seconds,
                    # Where there are others, a request does not wait for the one that failed.
                    retries=line.retries if alone else 0,
                )
            )
            self._members.append(_Member(endpoint))

    async def close(self) -> None:
        """Closes the connections."""
        await self._stack.aclose()

    async def chat(self, messages: Messages, **options: Any) -> Reply:
        """One reply, as :meth:`mentalglm.endpoint.Endpoint.chat` gives it.

        Raises:
            Refused, UserError: As there.
            Unreachable: No endpoint replied in all tries.
        """
        attempts = 1 if len(self._members) == 1 else self._line.retries + 1
        for left in range(attempts - 1, -1, -1):
            member = await self._next()
            member.under_way += 1
            try:
                reply = await member.endpoint.chat(messages, **options)
            except Unreachable:
                member.send_to_rest()
                if not left:
                    raise
            else:
                member.failures, member.rests_until = 0, 0.0
                self.replies += 1
                return reply
            finally:
                member.under_way -= 1
        raise AssertionError("the last try returns or raises")

    async def _next(self) -> _Member:
        """The endpoint with least to do among those that don't rest; where all rest, the first to wake, once it has."""
        if len(self._members) == 1:
            return self._members[0]
        while True:
            now = time.monotonic()
            awake = [member for member in self._members if member.rests_until <= now]
            if awake:
                # One that has failed is tried with one request before it gets its full share again.
                return min(awake, key=lambda member: (member.failures > 0 and member.under_way > 0, member.under_way))
            await asyncio.sleep(min(member.rests_until for member in self._members) - now)
