"""The commands of docs/add-a-data-set, in both languages, as a reader would run them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = ["add-a-data-set.md", "add-a-data-set.zh-CN.md"]
# Installing, training and third-party data are not for a quick test.
ELSEWHERE = ("pip install", "deepspeed", "published")


def commands(page: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks: list[str] = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    return blocks


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_commands_do_what_the_page_says(page: str, tmp_path: Path) -> None:
    script = "\n".join(block for block in commands(page) if not any(word in block for word in ELSEWHERE))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        ["bash", "-e", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "out/data/sleep: 7 instructions" in done.stderr
    shown = re.search(r"```\n(\{.*?\})\n```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.DOTALL)
    assert shown is not None
    quarantine = (tmp_path / "out/data/sleep/quarantine.jsonl").read_text(encoding="utf-8")
    assert quarantine.splitlines() == shown.group(1).splitlines()
    assert (tmp_path / "my/lab/table.yaml").is_file() and (tmp_path / "my/lab/agreement.md").is_file()
    left_out = [json.loads(line) for line in (tmp_path / "out/data/lab/quarantine.jsonl").open(encoding="utf-8")]
    assert {line["reason"] for line in left_out} == {"annotators disagree"}


def test_both_pages_give_the_same_commands() -> None:
    bare = [[re.sub(r" *#.*", "", block) for block in commands(page)] for page in PAGES]
    assert bare[0] == bare[1]
