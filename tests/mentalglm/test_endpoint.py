"""The chat client against a real server: what is retried, where it connects, what it tells, what it never does."""

import asyncio
import time
from typing import Any

import pytest

from mentalglm.destination import Destination, check_destination, is_private
from mentalglm.endpoint import Endpoint, Refused, Reply, Unreachable, open_endpoint
from mentalglm.errors import UserError
from tests.endpoints import Gateway, free_port, mentalglm_server

HELLO = [{"role": "user", "content": "你好"}]


def ask(
    url: str | Destination, times: int = 1, model: str = "embedded", **options: Any
) -> tuple[list[Reply], Endpoint]:
    """Asks ``times`` times at once."""
    grammar = options.pop("grammar", None)

    async def run() -> tuple[list[Reply], Endpoint]:
        destination = url if isinstance(url, Destination) else check_destination(url)
        async with open_endpoint(destination, model, **options) as endpoint:
            asked = (endpoint.chat(HELLO, max_tokens=8, seed=1, grammar=grammar) for _ in range(times))
            return list(await asyncio.gather(*asked)), endpoint

    return asyncio.run(run())


@pytest.fixture
def gateway() -> Any:
    with Gateway(mentalglm_server()) as gateway:
        yield gateway


def test_a_reply_and_what_it_cost(gateway: Gateway) -> None:
    (reply,), endpoint = ask(gateway.url)
    assert reply.text and 0 < reply.completion_tokens <= 8 and reply.prompt_tokens > 0
    traffic = endpoint.traffic
    assert (traffic.requests, traffic.replies) == (1, 1)
    assert (traffic.prompt_tokens, traffic.completion_tokens) == (reply.prompt_tokens, reply.completion_tokens)
    assert traffic.tokens_per_second > 0
    sent = gateway.bodies[0]
    assert sent["messages"] == HELLO and sent["max_tokens"] == 8 and sent["seed"] == 1 and sent["model"] == "embedded"
    assert "structured_outputs" not in sent


def test_a_grammar_is_obeyed_and_a_cut_reply_is_known(gateway: Gateway) -> None:
    (reply,), _ = ask(gateway.url, grammar='start: "好的。"\n')
    assert (reply.text, reply.cut) == ("好的。", False)
    assert gateway.bodies[0]["structured_outputs"] == {"grammar": 'start: "好的。"\n'}
    (long,), _ = ask(gateway.url, grammar="start: /[好]{40}/\n")
    assert long.cut


def test_too_many_requests_waits_as_told_and_asks_again(gateway: Gateway) -> None:
    gateway.fault = lambda place: (429, {"Retry-After": "1"}) if place == 0 else None
    began = time.monotonic()
    (reply,), endpoint = ask(gateway.url)
    assert reply.text and time.monotonic() - began >= 1.0
    assert (endpoint.traffic.requests, endpoint.traffic.replies) == (2, 1)


@pytest.mark.parametrize("status", [408, 409, 500, 503])
def test_what_may_pass_is_asked_again(gateway: Gateway, status: int) -> None:
    gateway.fault = lambda place: (status, {}) if place == 0 else None
    ask(gateway.url)
    assert len(gateway.bodies) == 2


def test_back_off_is_bounded_and_grows(gateway: Gateway) -> None:
    gateway.fault = lambda place: (503, {})
    began = time.monotonic()
    with pytest.raises(Unreachable, match="503"):
        ask(gateway.url, retries=2)
    assert len(gateway.bodies) == 3
    assert 0.375 + 0.75 <= time.monotonic() - began < 10


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_is_refused_is_not_asked_again(gateway: Gateway, status: int) -> None:
    gateway.fault = lambda place: (status, {})
    with pytest.raises(Refused, match=str(status)):
        ask(gateway.url)
    assert len(gateway.bodies) == 1


@pytest.mark.parametrize(("status", "said"), [(401, "key"), (403, "access"), (404, "ends in /v1"), (307, "redirects")])
def test_what_no_row_can_pass_ends_the_run(gateway: Gateway, status: int, said: str) -> None:
    with Gateway(mentalglm_server()) as elsewhere:
        gateway.fault = lambda place: (status, {"Location": f"{elsewhere.url}/chat/completions"})
        with pytest.raises(UserError, match=said):
            ask(gateway.url)
        assert len(gateway.bodies) == 1 and not elsewhere.bodies  # a redirect is not followed


def test_no_more_at_once_than_allowed(gateway: Gateway) -> None:
    gateway.delay = 0.05
    ask(gateway.url, times=12, concurrency=3)
    assert len(gateway.bodies) == 12 and gateway.most == 3


def test_silence_and_a_closed_port_are_unreachable(gateway: Gateway) -> None:
    gateway.delay = 3.0
    with pytest.raises(Unreachable, match="time-out"):
        ask(gateway.url, seconds=1.0, retries=0)
    with pytest.raises(Unreachable, match="no connection"):
        ask(f"http://127.0.0.1:{free_port()}/v1", retries=0)


def test_no_proxy_no_foreign_key_nothing_about_the_machine(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-meant-for-another-host")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-another-host")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-of-another-host")
    monkeypatch.setenv("MY_KEY", "sk-mine")
    ask(gateway.url)
    ask(gateway.url, api_key_env="MY_KEY")
    said = [str(headers).lower() for headers in gateway.headers]
    assert not any("another-host" in one or "x-stainless" in one for one in said)
    assert "sk-mine" not in said[0] and "bearer sk-mine" in said[1]
    monkeypatch.delenv("MY_KEY")
    with pytest.raises(UserError, match="MY_KEY is not set"):
        ask(gateway.url, api_key_env="MY_KEY")


def test_connections_go_to_the_addresses_that_were_checked(gateway: Gateway) -> None:
    # The name cannot be resolved: only the address found before is used, and the one that does not answer is passed by.
    named = Destination(f"http://model.invalid:{gateway.port}/v1", "model.invalid", ("::1", "127.0.0.1"), False)
    (reply,), _ = ask(named, retries=0)
    assert reply.text and gateway.headers[0]["Host"] == f"model.invalid:{gateway.port}"


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "::1", "fd00::1",
     "::ffff:10.0.0.1"],
)  # fmt: skip
def test_private_addresses(address: str) -> None:
    assert is_private(address)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "172.32.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "192.0.2.1", "2001:4860::1", "fe80::1%eth0",
     "::ffff:8.8.8.8"],
)  # fmt: skip
def test_other_addresses_need_leave(address: str) -> None:
    assert not is_private(address)
    shown = f"[{address.partition('%')[0]}]" if ":" in address else address
    with pytest.raises(UserError, match="--allow-external"):
        check_destination(f"https://{shown}/v1")
    assert check_destination(f"https://{shown}/v1", allow_external=True).external


def test_what_is_no_url_is_said_and_secrets_are_not_repeated() -> None:
    for url in ("127.0.0.1:8000", "ftp://127.0.0.1/v1", "http://", "http://127.0.0.1:99999/v1"):
        with pytest.raises(UserError, match="not a URL"):
            check_destination(url)
    with pytest.raises(UserError, match="--api-key-env") as caught:
        check_destination("http://me:secret@127.0.0.1/v1")
    assert "secret" not in str(caught.value)
    with pytest.raises(UserError, match="cannot be resolved"):
        check_destination("http://nowhere.invalid/v1")
    assert check_destination("http://localhost:8000/v1/chat/completions/").url == "http://localhost:8000/v1"
