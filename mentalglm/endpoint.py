"""A client for any OpenAI-compatible chat endpoint, careful about where text goes.

Connections go to the addresses that were checked (:mod:`mentalglm.destination`), never through a proxy named in the
environment, and redirects are not followed: text reaches the host that the manifest names and no other.
"""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from mentalglm.destination import Destination
from mentalglm.errors import UserError

_THINKING = re.compile(r"^\s*<think>.*?</think>\s*", re.DOTALL)
_STOPS_THE_RUN = {
    401: "the key was refused; name its variable with --api-key-env",
    403: "access was refused; check the key's rights",
    404: "no such address or model; check both, and whether the URL ends in /v1",
}


@dataclass(frozen=True)
class Token:
    """A token of a reply, with what could have stood in its place.

    Attributes:
        raw: Its bytes, which need not be whole characters.
        logprob: The natural logarithm of its probability.
        others: The likeliest tokens at this place, most often itself among them, with theirs.
    """

    raw: bytes
    logprob: float
    others: tuple[tuple[bytes, float], ...] = ()


@dataclass(frozen=True)
class Reply:
    """A model's reply.

    Attributes:
        text: Its words, a leading ``<think>…</think>`` removed.
        cut: Whether it ran into the token limit.
        prompt_tokens: As the endpoint counted them; 0 where it does not count.
        completion_tokens: Likewise.
        tokens: The reply's tokens where they were asked for and the endpoint tells them.
    """

    text: str
    cut: bool
    prompt_tokens: int
    completion_tokens: int
    tokens: tuple[Token, ...] = ()


@dataclass
class Traffic:
    """What went over the line: every send counts as a request, a repeated one also as a retry."""

    requests: int = 0
    replies: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def tokens_per_second(self) -> float:
        """Tokens written per second since the beginning, all connections together."""
        return self.completion_tokens / max(time.monotonic() - self.started, 1e-9)


class Refused(Exception):
    """The endpoint refuses this request and would refuse it again; the status says why, never the request's text."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the endpoint refused the request (HTTP {status})")
        self.status = status


class Unreachable(Exception):
    """No reply after every retry: a time-out, a broken connection, or a server that stays busy."""


class Endpoint:
    """One model behind one address; made by :func:`open_endpoint`."""

    def __init__(self, client: Any, destination: Destination, model: str, traffic: Traffic, concurrency: int) -> None:
        self.destination, self.model, self.traffic = destination, model, traffic
        self._client = client
        self._free = asyncio.Semaphore(concurrency)

    async def chat(
        self,
        messages: list[dict[str, str]],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        seed: int = 0,
        grammar: str | None = None,
        alternatives: int | None = None,
        watch: Callable[[str], None] | None = None,
    ) -> Reply:
        """Asks for one reply, waiting for a free place first.

        Args:
            messages: The conversation.
            max_tokens: The reply's length limit.
            temperature: 0 for the likeliest words.
            seed: For endpoints that sample by one.
            grammar: A Lark grammar that the reply must follow, sent as vLLM's ``structured_outputs``.
            alternatives: How many tokens to be told with each of the reply's; None asks for no probabilities.
            watch: Called with the reply so far while it is written; probabilities are not told then.

        Raises:
            Refused: The endpoint will not answer this request (4xx other than 408, 409, 429).
            Unreachable: No reply after every retry.
            UserError: It answers nothing at all: a refused key, an unknown model or address, a redirect.
        """
        import httpx2
        import openai

        asked: dict[str, Any] = {}
        if grammar is not None:
            asked["extra_body"] = {"structured_outputs": {"grammar": grammar}}
        if alternatives is not None:
            asked |= {"logprobs": True, "top_logprobs": alternatives}
        async with self._free:
            try:
                asked |= {"model": self.model, "messages": messages, "max_tokens": max_tokens}
                asked |= {"temperature": temperature, "seed": seed}
                if watch is not None:
                    return await self._follow(asked, watch)
                done = await self._client.chat.completions.create(**asked)
            except openai.APIConnectionError as error:  # time-outs included
                raise Unreachable(_cause(error)) from None
            except openai.APIStatusError as error:
                raise self._failure(error.status_code) from None
            except httpx2.TransportError as error:  # in the middle of a stream
                raise Unreachable(_cause(error)) from None
            except (openai.APIError, ValueError, TypeError) as error:  # a reply that is no JSON of the right form
                raise Unreachable(f"the reply could not be read ({type(error).__name__})") from None
        return self._read(done)

    def _failure(self, status: int) -> Exception:
        if status in _STOPS_THE_RUN:
            return UserError(f"endpoint {self.destination.url}, model {self.model!r}: {_STOPS_THE_RUN[status]}")
        if 300 <= status < 400:
            return UserError(f"endpoint {self.destination.url} redirects (HTTP {status}), which is not followed; "
                             "give the final address")  # fmt: skip
        if status in (408, 409, 429) or status >= 500:
            return Unreachable(f"HTTP {status}")
        return Refused(status)

    def _read(self, done: Any) -> Reply:
        if not getattr(done, "choices", None):
            raise Unreachable("a reply without choices")
        choice, usage = done.choices[0], done.usage
        text = _THINKING.sub("", choice.message.content or "")
        return self._counted(text, choice.finish_reason, usage, _tokens(choice, text))

    async def _follow(self, asked: dict[str, Any], watch: Callable[[str], None]) -> Reply:
        """The same as a stream."""
        chunks = await self._client.chat.completions.create(
            **asked, stream=True, stream_options={"include_usage": True}
        )
        text, ended, usage = "", None, None
        async for chunk in chunks:
            usage = chunk.usage or usage
            for choice in chunk.choices:
                text += choice.delta.content or ""
                ended = choice.finish_reason or ended
            watch(_THINKING.sub("", text))
        if ended is None:
            raise Unreachable("the reply broke off")
        return self._counted(_THINKING.sub("", text), ended, usage, ())

    def _counted(self, text: str, ended: str, usage: Any, tokens: tuple[Token, ...]) -> Reply:
        sent, written = (usage.prompt_tokens or 0, usage.completion_tokens or 0) if usage else (0, 0)
        self.traffic.replies += 1
        self.traffic.prompt_tokens += sent
        self.traffic.completion_tokens += written
        return Reply(text, ended == "length", sent, written, tokens)


@asynccontextmanager
async def open_endpoint(
    destination: Destination,
    model: str,
    *,
    api_key_env: str | None = None,
    concurrency: int = 8,
    seconds: float = 120.0,
    retries: int = 6,
) -> AsyncIterator[Endpoint]:
    """A connection pool to one endpoint.

    Args:
        destination: As :func:`check_destination` found it.
        model: The model's name there.
        api_key_env: The environment variable that holds the key; None for endpoints without one. No other variable
            is read: a key meant for one host never goes to another.
        concurrency: How many requests may be under way.
        seconds: How long to wait for one reply.
        retries: How often a busy, broken or silent endpoint is asked again, with exponential back-off and jitter;
            a ``Retry-After`` of up to two minutes is obeyed.

    Raises:
        UserError: The package ``openai`` is missing, or the variable is not set.
    """
    try:
        import httpx2
        import openai
    except ModuleNotFoundError as error:
        raise UserError(f"{error.name} is not installed; run pip install openai") from None
    key = os.environ.get(api_key_env, "") if api_key_env else "none"
    if not key:
        raise UserError(f"--api-key-env: the variable {api_key_env} is not set; export it first")
    traffic = Traffic()

    async def before(request: Any) -> None:
        traffic.requests += 1
        for name in [name for name in request.headers if name.lower().startswith("x-stainless-")]:
            del request.headers[name]  # tells the host about this machine

    http = httpx2.AsyncClient(
        transport=_transport(destination, concurrency),
        timeout=httpx2.Timeout(seconds, connect=min(seconds, 10.0)),
        event_hooks={"request": [before]},
        follow_redirects=False,
        trust_env=False,
    )
    client = openai.AsyncOpenAI(base_url=destination.url, api_key=key, max_retries=retries, http_client=http)
    client.organization = client.project = None  # else taken from variables meant for another host
    try:
        yield Endpoint(client, destination, model, traffic, concurrency)
    finally:
        await client.close()


def _transport(destination: Destination, concurrency: int) -> Any:
    """Connects to the addresses that were checked, so that a name can't come to mean another host meanwhile."""
    import httpx2

    class Pinned(httpx2.AsyncHTTPTransport):
        async def handle_async_request(self, request: Any) -> Any:
            named = request.url
            if destination.external:
                return await super().handle_async_request(request)
            request.extensions = {**request.extensions, "sni_hostname": destination.host}
            failure: Exception = httpx2.ConnectError("the host has no address")
            for address in destination.addresses:
                request.url = named.copy_with(host=address)
                try:
                    return await super().handle_async_request(request)
                except httpx2.ConnectError as error:
                    failure = error
            raise failure

    return Pinned(limits=httpx2.Limits(max_connections=concurrency), trust_env=False)


def _tokens(choice: Any, text: str) -> tuple[Token, ...]:
    """The tokens as far as they fit ``text``, which they don't behind a removed ``<think>``."""
    tokens, begun, whole = [], b"", text.encode("utf-8", "replace")
    for entry in getattr(choice.logprobs, "content", None) or []:
        begun += _raw(entry)
        if not whole.startswith(begun):
            break
        others = tuple((_raw(other), other.logprob) for other in entry.top_logprobs or ())
        tokens.append(Token(_raw(entry), entry.logprob, others))
    return tuple(tokens)


def _raw(entry: Any) -> bytes:
    return entry.token.encode("utf-8", "replace") if entry.bytes is None else bytes(entry.bytes)


def _cause(error: Exception) -> str:
    cause = type(error.__cause__ or error).__name__
    return {"ConnectError": "no connection", "ReadTimeout": "time-out", "ConnectTimeout": "time-out"}.get(cause, cause)
