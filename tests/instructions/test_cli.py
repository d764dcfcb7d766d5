"""The commands as a user runs them: exit codes, one line for a mistake, nothing of a text on the screen."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GOOD_CONFIG = "name: x\nrecords: {folder: records, tasks: [suicide_risk]}\n"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "instructions", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (GOOD_CONFIG + "sead: 3\n", "sead"),
        ("name: x\n", "names neither records nor sources nor dialogue"),
        ("name: x\nrecords: {folder: r, tasks: [suicide_risk], splits: [test]}\n", "records.0.splits.0"),
        ("name: x\nrecords: {folder: r, tasks: [mood]}\n", "unknown task 'mood'"),
        ("name: x\nstyle: haiku\nrecords: {folder: r, tasks: [suicide_risk]}\n", "'haiku' is no task's style"),
        ("name: x\ndialogue: {sources: [{name: nowhere}]}\n", "unknown source 'nowhere'"),
        ("name: x\nrecords: {folder: r, tasks: [suicide_risk]}\n", "no row to write (missing: r/suicide_risk.jsonl)"),
        ("name: [\n", "not valid YAML"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(tmp_path: Path, config: str, said: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(config, encoding="utf-8")
    done = run("build", path, "--data", tmp_path, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_bad_rows_are_quarantined_and_the_rest_is_written(tmp_path: Path) -> None:
    lines = (ROOT / "instructions/open/records/suicide_risk.jsonl").read_text(encoding="utf-8").splitlines()[:20]
    spoiled = json.loads(lines[0]) | {"labels": ["中自杀风险"]}
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "suicide_risk.jsonl").write_text(
        "\n".join(["{oops", json.dumps(spoiled, ensure_ascii=False), *lines[1:]]), encoding="utf-8"
    )
    (tmp_path / "config.yaml").write_text(GOOD_CONFIG, encoding="utf-8")
    done = run("build", tmp_path / "config.yaml", "--data", tmp_path, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    quarantined = [json.loads(line) for line in (tmp_path / "out/quarantine.jsonl").open(encoding="utf-8")]
    reasons = {line["id"]: line["reason"] for line in quarantined}
    assert reasons["suicide_risk.jsonl:1"] == "not valid JSON"
    assert reasons[spoiled["id"]] == "label '中自杀风险' is not one of suicide_risk"
    assert (tmp_path / "out/train.parquet").is_file()
    checked = run("validate", tmp_path / "records" / "suicide_risk.jsonl")
    assert checked.returncode == 1
    assert "row 1: not valid JSON" in checked.stdout and "row 2: label" in checked.stdout
    assert spoiled["text"][:10] not in checked.stdout + checked.stderr


def test_validate_says_when_there_is_no_such_file(tmp_path: Path) -> None:
    done = run("validate", tmp_path / "none.jsonl")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and len(done.stderr.splitlines()) == 1


def test_figures_are_drawn_for_the_post_tasks(tmp_path: Path) -> None:
    records = tmp_path / "records"
    records.mkdir()
    for task in ("emotional_safety", "therapy_request"):
        lines = (ROOT / f"instructions/open/records/{task}.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        (records / f"{task}.jsonl").write_text("".join(lines[:30]), encoding="utf-8")
    done = run("figures", "--records", records, "--out", tmp_path / "figures")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["emotional_safety.png"]
