"""Every command of the README is run as it stands there, and both languages show the same ones."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.needs import need_compiler

ROOT = Path(__file__).parent.parent
# Set-up is what runs these tests; the page is opened by tests/demo/test_browser.py.
ELSEWHERE = ("make ", ".venv/bin/pip ", "mentalglm demo")


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.S)


def commands(name: str) -> list[list[str]]:
    lines = [line for block in blocks(name, "bash") for line in block.splitlines() if line.strip()]
    return [shlex.split(line, comments=True) for line in lines]


def without_language(command: list[str]) -> list[str]:
    return [word for k, word in enumerate(command) if word != "--lang" and (k == 0 or command[k - 1] != "--lang")]


def test_both_readmes_show_the_same_commands() -> None:
    english, chinese = commands("README.md"), commands("README.zh-CN.md")
    assert [without_language(command) for command in english] == chinese
    code = [[line.split("#")[0].rstrip() for line in blocks(name, "python")[0].splitlines()] for name in
            ("README.md", "README.zh-CN.md")]  # fmt: skip
    assert code[0] == code[1]


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    scripts = str(Path(sys.executable).parent)
    environment = os.environ | {
        "PATH": scripts + os.pathsep + os.environ["PATH"],
        "DS_ACCELERATOR": "cpu",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)


@pytest.mark.slow
def test_every_command_of_the_readme_runs(tmp_path: Path) -> None:
    need_compiler()
    for name in ("examples", "instructions", "train", "eval", "demo", "mentalglm"):
        (tmp_path / name).symlink_to(ROOT / name)
    ran = 0
    for command in commands("README.md"):
        if " ".join(command).startswith(ELSEWHERE):
            continue
        line = " ".join(command)
        done = run(["bash", "-c", line] if "*" in line else command, tmp_path)
        assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        ran += 1
    assert ran >= 9
    assert (tmp_path / "result.csv").is_file()
    assert (tmp_path / "out/try/model/model.safetensors").is_file()
    assert (tmp_path / "runs/suicide_risk/report.html").is_file()


@pytest.mark.slow
def test_the_python_example_runs(tmp_path: Path) -> None:
    done = run([sys.executable, "-c", blocks("README.md", "python")[0]], tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]


def test_no_placeholder_is_left_in_a_document() -> None:
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("mentalglm/weights/*/*.md")]
    assert len(documents) >= 6
    assert [path.name for path in documents if "@@" in path.read_text(encoding="utf-8")] == []
