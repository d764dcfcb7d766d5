"""``modelscope:ID``: the cache is used offline and without the package; what is absent is one clear line."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mentalglm.errors import UserError
from mentalglm.models import load_model

LAYOUTS = [
    "models/ZhipuAI--glm-0.1b/snapshots/master",
    "models/ZhipuAI/glm-0___1b",
    "hub/models/ZhipuAI/glm-0___1b",
    "hub/ZhipuAI/glm-0___1b",
    "ZhipuAI/glm-0.1b",
]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def refusal(name: str, revision: str | None = None) -> str:
    with pytest.raises(UserError) as caught:
        load_model(name, device="cpu", revision=revision)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 500
    return message


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_cached_model_is_used_without_the_package(
    cache: Path, layout: str, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "modelscope", None)
    shutil.copytree(model_folder, cache / layout)
    loaded = load_model("modelscope:ZhipuAI/glm-0.1b", device="cpu")
    assert loaded.folder == cache / layout and loaded.name == "modelscope:ZhipuAI/glm-0.1b"
    assert loaded.manifest.tasks and loaded.model.name_or_path == "modelscope:ZhipuAI/glm-0.1b"


def test_a_revision_is_looked_for_under_its_name(
    cache: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "modelscope", None)
    shutil.copytree(model_folder, cache / "models/ZhipuAI--glm/snapshots/v2")
    assert load_model("modelscope:ZhipuAI/glm", device="cpu", revision="v2").revision == "v2"
    assert "is not in the cache" in refusal("modelscope:ZhipuAI/glm", "v3")


def test_without_cache_and_package_the_line_says_what_to_install(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "modelscope", None)
    message = refusal("modelscope:ZhipuAI/absent")
    assert f"it is not in the cache at {cache}" in message and message.endswith("pip install modelscope")


@pytest.mark.parametrize("name", ["", "absent", "a/b/c", "../secret", "a/..", "a b/c"])
def test_a_name_that_cannot_be_one_is_refused_before_anything_is_asked(cache: Path, name: str) -> None:
    assert "write it like modelscope:ZhipuAI/glm-4-9b-chat-hf" in refusal(f"modelscope:{name}")


@pytest.mark.slow
def test_out_of_reach_is_one_line(tmp_path: Path) -> None:
    """With the package, and a proxy where nothing listens in place of the network."""
    pytest.importorskip("modelscope")
    dead = "http://127.0.0.1:9"
    environment = {"MODELSCOPE_CACHE": str(tmp_path), "HTTPS_PROXY": dead, "HTTP_PROXY": dead, "NO_PROXY": ""}
    program = "from mentalglm.models import load_model; load_model('modelscope:ZhipuAI/absent', device='cpu')"
    wrapped = f"from mentalglm.errors import exit_on_user_error\nwith exit_on_user_error(): {program.split('; ')[0]}"
    command = [sys.executable, "-c", f"{wrapped}; {program.split('; ')[1]}"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=120)
    assert done.returncode == 2, done.stderr
    assert "error: model 'modelscope:ZhipuAI/absent': ModelScope does not give it" in done.stderr.splitlines()[-1]
