"""A model is fetched by name from the mirror that ``HF_ENDPOINT`` names: data files alone, never code or pickle."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tests.mentalglm.models.chatglm_reference import random_weights, settings, write_checkpoint

COMMIT = "c" * 40


class Mirror(ThreadingHTTPServer):
    """Serves the folders in ``root`` as a hub does; ``fetched`` lists the files whose contents were asked for."""

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.root = root
        self.fetched: list[str] = []


class Handler(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if not self.server.root.is_dir() or path.count("/") < 3:
            return self.send_error(503)
        if path.startswith("/api/models/"):
            folder = self.server.root / "/".join(path.split("/")[3:5])
            names = [str(file.relative_to(folder)) for file in sorted(folder.rglob("*")) if file.is_file()]
            about = {"id": folder.name, "sha": COMMIT, "siblings": [{"rfilename": name} for name in names]}
            tree = [
                {"type": "file", "path": name, "size": (folder / name).stat().st_size, "oid": name} for name in names
            ]
            said = tree if "/tree/" in path else about
            return self.answer(json.dumps(said).encode(), "application/json")
        owner, name, _, _, *rest = path.strip("/").split("/")
        file = self.server.root / owner / name / "/".join(rest)
        if self.command == "GET":
            self.server.fetched.append("/".join(rest))
        return self.answer(file.read_bytes(), "application/octet-stream")

    do_HEAD = do_GET

    def answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None: ...


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    server = Mirror(tmp_path / "hub")
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


_LOAD = """
import sys
from mentalglm.errors import exit_on_user_error
from mentalglm.models import load_model
with exit_on_user_error():
    loaded = load_model(sys.argv[1], device="cpu")
    print(type(loaded.model).__name__, loaded.folder, loaded.manifest.tasks)
"""


def load(name: str, server: Mirror, cache: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("HF_")},
        "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
        "HF_HOME": str(cache),
        "NO_PROXY": "127.0.0.1",
    }
    command = [sys.executable, "-c", _LOAD, name]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)


@pytest.mark.slow
def test_a_chatglm_checkpoint_comes_from_the_mirror_without_its_code(mirror: Mirror, tmp_path: Path) -> None:
    source = write_checkpoint(mirror.root / "group" / "glm", settings(), random_weights(settings()))
    (source / "mentalglm.json").write_text('{"tasks": ["suicide_risk"]}', encoding="utf-8")
    (source / "pytorch_model.bin").write_bytes(b"pickle")
    done = load("group/glm", mirror, tmp_path / "cache")
    assert done.returncode == 0, done.stderr
    kind, folder, tasks = done.stdout.split()
    assert kind == "GlmForCausalLM" and COMMIT in folder and tasks == "['suicide_risk']"
    assert "tokenizer.model" in mirror.fetched and "model-00001-of-00002.safetensors" in mirror.fetched
    assert not [name for name in mirror.fetched if name.endswith((".py", ".bin"))]
    mirror.fetched.clear()
    mirror.root.rename(tmp_path / "gone")  # now it answers nothing of use: the cache must do
    again = load("group/glm", mirror, tmp_path / "cache")
    assert again.stdout == done.stdout and mirror.fetched == []


@pytest.mark.slow
def test_a_model_of_pickled_weights_is_refused_before_it_is_fetched(mirror: Mirror, tmp_path: Path) -> None:
    folder = mirror.root / "group" / "old"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    done = load("group/old", mirror, tmp_path / "cache")
    assert done.returncode == 2 and mirror.fetched == []
    assert done.stderr == "error: model 'group/old' has no .safetensors weights; pickled weights are never read\n"
