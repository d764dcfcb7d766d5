"""The outermost layer: the key, the size of a body, one line and one count per request, and nothing told of a defect.

Python's and uvicorn's own reports are kept away from requests: an exception's words, a query or an unknown path may
hold what somebody typed.
"""

import asyncio
import hmac
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from mentalglm.server.metrics import Metrics
from mentalglm.server.problem import Problem, of_internal
from mentalglm.server.settings import Settings

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]

PATHS = ("/v1/analyze", "/v1/tasks", "/v1/models", "/v1/chat/completions", "/healthz", "/metrics", "/openapi.json")
_OPEN = ("/healthz",)  # what an orchestrator asks without a key
_BODY_SECONDS = 30.0


class Guard:
    """An ASGI application around another.

    Args:
        app: The application inside.
        settings: Key and limits.
        metrics: Where requests are counted.
    """

    def __init__(self, app: Any, settings: Settings, metrics: Metrics) -> None:
        self._app, self._settings, self._metrics = app, settings, metrics

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            return
        began, status = time.monotonic(), 0

        async def sending(message: _Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            self._check_key(scope)
            body = await _read_body(scope, receive, self._settings.max_body)
            await self._app(scope, _replay(body, receive), sending)
        except Exception as error:  # whatever it is, the client gets an answer and the log its kind alone
            problem = error if isinstance(error, Problem) else of_internal(error)
            if problem.status == 500:
                self._say(f"{type(error).__name__} in {_place(error)}")
            if not status:
                await _respond(problem, sending)
        finally:
            seconds = time.monotonic() - began
            path = scope["path"] if scope["path"] in PATHS else "(other)"
            method = scope["method"] if scope["method"] in ("GET", "HEAD", "POST") else "(other)"
            self._metrics.count("mentalglm_requests_total", path=path, method=method, status=str(status or 499))
            self._metrics.observe("mentalglm_request_seconds", seconds, path=path)
            if not self._settings.quiet:
                self._say(f"{method} {path} {status or 499} {seconds:.3f}s")

    def _check_key(self, scope: _Message) -> None:
        if self._settings.api_key is None or scope["path"] in _OPEN:
            return
        given = dict(scope["headers"]).get(b"authorization", b"")
        if not hmac.compare_digest(given, f"Bearer {self._settings.api_key}".encode()):
            raise Problem(401, "invalid_api_key", "the key is missing or wrong; send Authorization: Bearer KEY")

    @staticmethod
    def _say(line: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


async def _read_body(scope: _Message, receive: _Receive, limit: int) -> bytes:
    """The whole body.

    Raises:
        Problem: It is too large, or does not come.
    """
    pieces: list[bytes] = []
    size, more = 0, True
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Problem(499, "cancelled", "the client has gone")
                piece = message.get("body", b"")
                size += len(piece)
                more = message.get("more_body", False)
                if size <= limit:
                    pieces.append(piece)
                elif size > 8 * limit:  # what is moderately too large is read to its end, so that the client hears us
                    break
    except TimeoutError:
        raise Problem(408, "slow_body", f"the body did not come within {_BODY_SECONDS:g} s") from None
    if size > limit:
        raise Problem(413, "body_too_large", f"the body is larger than {limit} bytes; send fewer posts at once")
    return b"".join(pieces)


def _replay(body: bytes, receive: _Receive) -> _Receive:
    """A ``receive`` that gives the body once, and then what the client does next: it can only go."""
    given = False

    async def replayed() -> _Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


async def _respond(problem: Problem, send: _Send) -> None:
    from starlette.responses import JSONResponse

    response = JSONResponse(problem.body, problem.status, problem.headers)
    await send({"type": "http.response.start", "status": problem.status, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": response.body})


def _place(error: BaseException) -> str:
    """Where an exception arose, in code; its words are left out."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else "?"
