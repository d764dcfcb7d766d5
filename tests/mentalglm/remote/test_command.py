"""``mentalglm analyze --endpoint``."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mentalglm.cli import app
from mentalglm.models import EMBEDDED
from tests.endpoints import mentalglm_server
from tests.tiny import SENTENCES


def test_a_file_is_answered_by_an_endpoint(tmp_path: Path) -> None:
    path, out = tmp_path / "posts.txt", tmp_path / "out.jsonl"
    path.write_text("\n".join([*SENTENCES[:3], " "]), encoding="utf-8")
    asked = ["--endpoint", mentalglm_server(), "--endpoint-model", "embedded", "--model", str(EMBEDDED)]
    options = ["--task", "suicide_risk,emotional_safety", "--labels-only", "--format", "json", "--out", str(out)]
    done = CliRunner().invoke(app, ["analyze", "--file", str(path), *asked, *options])
    assert done.exit_code == 1  # one row is empty
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [(line["row"], line["task"]) for line in lines] == [
        (row, task) for row in range(4) for task in ("suicide_risk", "emotional_safety")
    ]
    assert all(line["model"] == "embedded" for line in lines[:6])
    assert [line["error"]["code"] for line in lines[6:]] == ["empty_text"] * 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--endpoint", "http://127.0.0.1:1/v1"], "--endpoint and --endpoint-model go together"),
        (["--endpoint-model", "m"], "--endpoint and --endpoint-model go together"),
        (["--endpoint", "https://8.8.8.8/v1", "--endpoint-model", "m"], "--allow-external"),
        (["--endpoint", "nowhere", "--endpoint-model", "m"], "is not a URL"),
        (["--endpoint", "http://127.0.0.1:1/v1", "--endpoint-model", "m", "--device", "cpu"], "the endpoint's own"),
        (["--endpoint", "http://127.0.0.1:1/v1", "--endpoint-model", "m"], "name the tasks"),
        (["--endpoint", "http://127.0.0.1:1/v1", "--endpoint-model", "m", "--concurrency", "0"], "above 0"),
    ],
)
def test_a_slip_is_one_line(options: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["analyze", "累", *options])
    assert done.exit_code == 2 and said in done.stderr and done.stderr.count("\n") == 1
