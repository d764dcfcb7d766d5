"""Key, limits, back-pressure, time-outs, silence about posts, and an orderly end."""

import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest

from tests.mentalglm.server.conftest import KEY, Served, Start
from tests.tiny import SENTENCES

LONG = {"guided_regex": "[a-z]{900}", "max_tokens": 900}
FAST = {"task": "suicide_level", "labels_only": True}
SECRET = "绝不能写进日志的一句话"


def chat(served: Served, **body: Any) -> httpx.Response:
    with served.http() as client:
        messages = [{"role": "user", "content": SECRET}]
        return client.post("/v1/chat/completions", json={"messages": messages, "temperature": 0, **body})


def code(response: httpx.Response) -> str:
    return str(response.json()["error"]["code"])


def test_without_the_key_only_health_is_told(narrow: Served) -> None:
    for given in (None, "Bearer wrong", KEY, "Bearer é"):
        headers = [(b"authorization", given.encode())] if given else []
        for path in ("/v1/tasks", "/v1/models", "/metrics", "/openapi.json", "/nothing"):
            response = httpx.get(narrow.url + path, headers=headers, trust_env=False)
            assert response.status_code == 401 and code(response) == "invalid_api_key"
            assert response.headers["www-authenticate"] == "Bearer"
    assert httpx.get(f"{narrow.url}/healthz", trust_env=False).status_code == 200
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{narrow.url}/v1", api_key="wrong", max_retries=0).models.list()
    assert len(narrow.openai().models.list().data) == 1


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"posts": ["今天"] * 5, **FAST}, 413, "too_many_posts"),
        ({"posts": "今" * 101, **FAST}, 400, "text_too_long"),
        ({"posts": "今" * 8_000, **FAST}, 413, "body_too_large"),
    ],
)
def test_what_is_too_large_is_refused(narrow: Served, body: dict[str, Any], status: int, expected: str) -> None:
    with narrow.http() as client:
        response = client.post("/v1/analyze", json=body)
        assert (response.status_code, code(response)) == (status, expected)
        # In a list, one post too long is a row error.
        answer = client.post("/v1/analyze", json={"posts": ["今天", "今" * 101], **FAST}).json()["results"]
    assert answer[0]["labels"] and answer[1]["error"]["code"] == "text_too_long"


def test_a_body_without_end_is_cut_off(narrow: Served) -> None:
    def endless() -> Any:
        for _ in range(10_000):
            yield b" " * 1000

    with narrow.http() as client:
        try:
            response = client.post("/v1/analyze", content=endless(), headers={"Content-Type": "application/json"})
            assert response.status_code == 413
        except httpx.TransportError:
            pass  # the server closed while we were still sending
        assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 5000, b'{"posts": "\xff"}', b"null", b"7", b'{"posts": NaN}'])
def test_a_body_that_is_no_request_is_refused(served: Served, body: bytes) -> None:
    with served.http() as client:
        for path in ("/v1/analyze", "/v1/chat/completions"):
            response = client.post(path, content=body, headers={"Content-Type": "application/json"})
            assert response.status_code == 400 and len(response.json()["error"]["message"]) < 300


def test_other_paths_and_methods_are_refused_in_the_same_form(served: Served) -> None:
    with served.http() as client:
        assert (client.get("/docs").status_code, code(client.get("/docs"))) == (404, "not_found")
        assert code(client.get("/v1/analyze")) == "method_not_allowed"
        assert client.post("/v1/analyze", data={"posts": "今天"}).status_code == 400


def test_too_much_at_once_is_told_when_to_come_back(narrow: Served) -> None:
    assert narrow.settles()
    with ThreadPoolExecutor(12) as clients:
        answers = list(clients.map(lambda _: chat(narrow, **LONG), range(12)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 9 and {answer.status_code for answer in answers} <= {200, 429, 504}
    for answer in refused:
        assert code(answer) == "overloaded" and 1 <= int(answer.headers["retry-after"]) <= 60
    assert narrow.settles()
    assert chat(narrow, max_tokens=2).status_code == 200


def test_a_request_that_takes_too_long_is_given_up(narrow: Served) -> None:
    assert narrow.settles()
    # Two chats fill the batch, so that the third does not begin.
    with ThreadPoolExecutor(3) as clients:
        answers = list(clients.map(lambda _: chat(narrow, **LONG), range(3)))
    assert 504 in {answer.status_code for answer in answers}
    assert {code(answer) for answer in answers if answer.status_code == 504} == {"timeout"}
    assert narrow.settles()


def test_a_stream_that_takes_too_long_says_so_inside(narrow: Served) -> None:
    assert narrow.settles()
    with ThreadPoolExecutor(3) as clients:
        answers = list(clients.map(lambda _: chat(narrow, stream=True, **LONG), range(3)))
    cut = [answer for answer in answers if answer.status_code == 200 and '"code": "timeout"' in answer.text]
    assert cut or any(answer.status_code == 504 for answer in answers)
    assert all(answer.text.endswith("data: [DONE]\n\n") for answer in cut)
    assert narrow.settles()


def test_nothing_typed_is_logged(served: Served) -> None:
    with served.http() as client:
        client.post("/v1/analyze", json={"posts": SECRET, "task": "all"})
        client.post("/v1/analyze", json={"posts": [SECRET], "task": SECRET})
        client.post("/v1/analyze", json={SECRET: SECRET})
        client.post("/v1/analyze", content=f'{{"posts": "{SECRET}'.encode())
        client.get(f"/v1/tasks?q={SECRET}")
        client.get(f"/{SECRET}")
        client.request(SECRET.encode().hex(), "/v1/tasks")
    chat(served, max_tokens=3)
    chat(served, guided_grammar=f"start: {SECRET}")
    chat(served, stop=SECRET, unknown=SECRET)
    with served.http() as client:
        counted = client.get("/metrics").text
    for text in (served.log.read_text("utf-8"), counted):
        assert SECRET not in text and SECRET.encode().hex() not in text
        assert httpx.URL("http://x", params={"q": SECRET}).query.decode() not in text
    assert "POST /v1/analyze 200" in served.log.read_text("utf-8") and "Traceback" not in served.log.read_text("utf-8")


def test_a_request_that_is_not_http_harms_nobody(served: Served) -> None:
    address = httpx.URL(served.url)
    for rubbish in (b"\x16\x03\x01\x02\x00\x01\x00\x01", b"GET\r\n\r\n", SECRET.encode() + b"\r\n\r\n"):
        with socket.create_connection((address.host, address.port or 80), timeout=5) as raw:
            raw.sendall(rubbish)
    with served.http() as client:
        assert client.get("/healthz").status_code == 200
    assert SECRET not in served.log.read_text("utf-8")


@pytest.mark.parametrize("sign", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_signal_ends_it_when_all_in_hand_is_done(start: Start, sign: signal.Signals) -> None:
    served = start()
    answers: dict[str, httpx.Response] = {}

    def analyze(name: str) -> None:
        with served.http() as client:
            answers[name] = client.post("/v1/analyze", json={"posts": list(SENTENCES), "task": "suicide_level"})

    def write(name: str) -> None:
        answers[name] = chat(served, stream=name == "stream", **LONG)

    work = [threading.Thread(target=analyze, args=("analyses",))]
    work += [threading.Thread(target=write, args=(name,)) for name in ("whole", "stream")]
    for thread in work:
        thread.start()
    until = time.monotonic() + 10
    while served.metric("mentalglm_in_hand") < 22 and time.monotonic() < until:
        time.sleep(0.02)
    served.process.send_signal(sign)
    for thread in work:
        thread.join(60)
    assert served.process.wait(30) == 0
    assert [answers[name].status_code for name in ("analyses", "whole", "stream")] == [200, 200, 200]
    assert len(answers["analyses"].json()["results"]) == 20
    assert len(answers["whole"].json()["choices"][0]["message"]["content"]) == 900
    assert answers["stream"].text.endswith("data: [DONE]\n\n") and '"finish_reason": "stop"' in answers["stream"].text
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{served.url}/healthz", trust_env=False)
    assert served.log.read_text("utf-8").endswith("stopped\n")


@pytest.mark.slow
def test_work_that_outlasts_the_grace_is_given_up(start: Start) -> None:
    served = start("--grace", 1)

    def swamp() -> None:
        for _ in range(20):
            with httpx.Client(trust_env=False, timeout=60) as client:
                try:
                    client.post(f"{served.url}/v1/analyze", json={"posts": list(SENTENCES) * 3, "task": "all"})
                except httpx.TransportError:
                    return

    threads = [threading.Thread(target=swamp, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    while served.metric("mentalglm_in_hand") < 360:
        time.sleep(0.02)
    began = time.monotonic()
    served.process.terminate()
    try:
        served.process.wait(20)
    except subprocess.TimeoutExpired:
        pytest.fail("it went on")
    assert time.monotonic() - began < 10


def test_the_log_of_a_quiet_server_names_no_request(narrow: Served) -> None:
    with narrow.http() as client:
        assert client.get("/v1/tasks").status_code == 200
    assert "/v1/" not in narrow.log.read_text("utf-8")
