"""Waits for the worker on behalf of a client: no longer than allowed, and not at all for one that has gone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar

from starlette.requests import Request

from mentalglm.server.chat_job import CANCELLED, ChatJob, Event, Finished
from mentalglm.server.problem import Problem

T = TypeVar("T")


async def within(awaited: Awaitable[T], request: Request, seconds: float) -> T:
    """What ``awaited`` gives; it is cancelled if time runs out or the client goes.

    Raises:
        Problem: It ran out, or the client has gone.
    """
    result = asyncio.ensure_future(awaited)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({result, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if result.done():
            return result.result()
        raise CANCELLED if gone.done() else timed_out(seconds)
    finally:
        result.cancel()
        gone.cancel()


def timed_out(seconds: float) -> Problem:
    """The server was too slow."""
    return Problem(504, "timeout", f"no answer within {seconds:g} s; send less at once, or try again later")


class Mailbox:
    """Events of one chat, from the worker's thread to the loop that serves the client."""

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._until = self._loop.time() + seconds
        self._events: asyncio.Queue[Event] = asyncio.Queue()

    def put(self, event: Event) -> None:
        """Called from the worker's thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)

    async def get(self) -> Event:
        """The next event.

        Raises:
            Problem: It is one, or time ran out.
        """
        try:
            async with asyncio.timeout_at(self._until):
                event = await self._events.get()
        except TimeoutError:
            raise timed_out(self._seconds) from None
        if isinstance(event, Problem):
            raise event
        return event

    async def rest(self, job: ChatJob) -> AsyncIterator[Event]:
        """All events that follow, to the last; left early, the chat is cancelled."""
        try:
            while True:
                event = await self.get()
                yield event
                if isinstance(event, Finished):
                    return
        finally:
            job.cancelled = True


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
