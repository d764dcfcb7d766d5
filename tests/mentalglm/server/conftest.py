"""Real servers on loopback, each in a process of its own, with the tiny model."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import openai
import pytest

ROOT = Path(__file__).parents[3]
KEY = "a-key-for-tests"


@dataclass
class Served:
    """A running server.

    Attributes:
        url: Where it is.
        process: Its process.
        log: Where its stderr and stdout go.
        key: What it asks for.
    """

    url: str
    process: "subprocess.Popen[bytes]"
    log: Path
    key: str | None = None

    def http(self) -> httpx.Client:
        """A plain client."""
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False)

    def openai(self) -> openai.OpenAI:
        """OpenAI's own client."""
        plain = httpx.Client(trust_env=False)
        return openai.OpenAI(
            base_url=f"{self.url}/v1", api_key=self.key or "none", max_retries=0, timeout=60, http_client=plain
        )

    def metric(self, line: str) -> float:
        """A number of /metrics, by what stands before it."""
        with self.http() as client:
            text = client.get("/metrics").text
        found = re.search(f"^{re.escape(line)} (.+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def settles(self) -> bool:
        """Whether soon nothing is in hand."""
        until = time.monotonic() + 5
        while time.monotonic() < until:
            if self.metric("mentalglm_in_hand") == 0 and self.metric("mentalglm_chats") == 0:
                return True
            time.sleep(0.05)
        return False


Start = Callable[..., Served]


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[Start]:
    """Starts a server with options of one's own; all are ended with the tests."""
    started: list[Served] = []

    def make(*options: str | int | float, key: str | None = None, model: str | None = None) -> Served:
        log = tmp_path_factory.mktemp("served") / "log"
        command = [sys.executable, "-m", "mentalglm.server", "--port", "0", *map(str, options)]
        command += ["--model", model or str(model_folder), "--device", "cpu"]
        command += ["--api-key-env", "TEST_KEY"] if key else []
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "TEST_KEY": key or ""}
        with log.open("wb") as file:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT)
        served = Served("", process, log, key)
        started.append(served)
        until = time.monotonic() + 120
        while time.monotonic() < until and process.poll() is None:
            found = re.search(r"at (http://\S+);", log.read_text("utf-8"))
            if found:
                served.url = found[1]
                _wait_until_up(served)
                return served
            time.sleep(0.05)
        raise AssertionError(log.read_text("utf-8"))

    yield make
    for served in started:
        served.process.kill()
        served.process.wait()


def _wait_until_up(served: Served) -> None:
    for _ in range(200):
        try:
            httpx.get(f"{served.url}/healthz", trust_env=False)
            return
        except httpx.TransportError:
            time.sleep(0.02)


@pytest.fixture(scope="session")
def served(start: Start) -> Served:
    """A server as it comes."""
    return start()


@pytest.fixture(scope="session")
def narrow(start: Start, model_that_says: Callable[..., Path]) -> Served:
    """A server with a key, little patience, no line per request, and a model that finds all posts grave."""
    limits = ("--max-waiting", 3, "--max-posts", 4, "--max-characters", 100, "--max-body", 20_000, "--timeout", 0.6)
    return start(*limits, "--batch-size", 2, "--quiet", key=KEY, model=str(model_that_says("高自杀风险")))
