"""Real chat endpoints on loopback, and a gateway before them that counts, delays and refuses."""

import atexit
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from urllib.parse import urlsplit

from tests.tiny import save_tiny

ROOT = Path(__file__).parent.parent
# Status and headers to answer with instead of asking the server behind; None asks it.
Fault = tuple[int, dict[str, str]] | None


@cache
def mentalglm_server() -> str:
    """The base URL of ``mentalglm serve`` with the embedded model; it obeys grammars."""
    port = free_port()
    return _started([sys.executable, "-m", "mentalglm.server", "--port", str(port), "--quiet"], port)


@cache
def transformers_server() -> tuple[str, str]:
    """The base URL of ``transformers serve`` with the tiny GLM, and the model's name there."""
    folder, port = save_tiny(Path(mkdtemp()) / "tiny"), free_port()
    program = str(Path(sys.executable).with_name("transformers"))
    url = _started([program, "serve", str(folder), "--device", "cpu", "--port", str(port)], port)
    return url, str(folder)


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class Gateway:
    """An HTTP server that hands requests on to the endpoint behind it.

    Attributes:
        behind: The endpoint's base URL.
        fault: Decides, from a request's place (from 0), what to answer in the endpoint's stead.
        delay: Seconds to wait before each answer.
        rewrite: Changes a request's body before it is handed on, such as what this endpoint shall not know.
        bodies: What was asked, in order.
        headers: The headers of each request.
        most: The most requests that were under way at once.
    """

    behind: str
    fault: Callable[[int], Fault] = lambda place: None
    delay: float = 0.0
    rewrite: Callable[[dict[str, Any]], dict[str, Any]] = lambda body: body
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    most: int = 0

    def __post_init__(self) -> None:
        self._lock, self._under_way = threading.Lock(), 0
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                place = gateway._enter(json.loads(body), dict(self.headers))
                body = json.dumps(gateway.rewrite(json.loads(body))).encode()
                time.sleep(gateway.delay)
                fault = gateway.fault(place)
                status, headers, answer = gateway._ask(self.path, body) if fault is None else (*fault, b"{}")
                gateway._leave()
                with suppress(BrokenPipeError):  # a client that was killed, or has waited long enough
                    self.send_response(status)
                    for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """A quiet server."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> "Gateway":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _enter(self, body: dict[str, Any], headers: dict[str, str]) -> int:
        with self._lock:
            self.bodies.append(body)
            self.headers.append(headers)
            self._under_way += 1
            self.most = max(self.most, self._under_way)
            return len(self.bodies) - 1

    def _leave(self) -> None:
        with self._lock:
            self._under_way -= 1

    def _ask(self, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        address = urlsplit(self.behind)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=120)
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, {"Content-Type": "application/json"}, response.read()


def _started(command: list[str], port: int) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    log = Path(mkdtemp()) / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    atexit.register(process.kill)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=5).read()
            return f"http://127.0.0.1:{port}/v1"
        except urllib.error.HTTPError:
            return f"http://127.0.0.1:{port}/v1"  # it is there; transformers fails to list a cache that does not exist
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"{command[0]} did not start: {log.read_text(errors='replace')[-500:]}")
