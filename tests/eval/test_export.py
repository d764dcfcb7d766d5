"""Exports: what other harnesses get is what is asked here."""

import json
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

from mentalglm.answer import Answer, render_answer
from mentalglm.tasks import load_task
from tests.eval.commands import evaluate, refusal
from tests.eval.published_files import downstream


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return downstream(tmp_path / "data")


def documents(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_suite_for_lm_evaluation_harness(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    written = evaluate("export", "downstream", "--data", data, "--to", "lm-eval", "--out", out).stdout.split()
    assert {Path(name).name for name in written} == {path.name for path in out.iterdir()}
    risk, prompt = documents(out / "suicide_risk.jsonl"), load_task("suicide_risk").styles["grounded"].prompt
    assert len(risk) == 12
    for doc in risk:
        assert doc["choices"][doc["gold"]] == doc["target"] == f"这个帖子体现了{doc['labels'][0]}。"
        assert doc["prompt"].startswith(prompt.split("{post}")[0])
    config = yaml.safe_load((out / "mentalglm_suicide_risk.yaml").read_text(encoding="utf-8"))
    assert config["output_type"] == "multiple_choice" and config["metadata"]["version"] == 1
    assert config["dataset_kwargs"]["data_files"]["test"] == "suicide_risk.jsonl"
    many = (out / "mentalglm_cognitive_distortion.yaml").read_text(encoding="utf-8")
    assert "process_results: !function answers.score" in many


def test_the_exported_scorer_is_strict(data: Path, tmp_path: Path) -> None:
    evaluate("export", "downstream", "--data", data, "--out", tmp_path / "out")
    score = runpy.run_path(str(tmp_path / "out" / "answers.py"))["score"]
    task = load_task("cognitive_distortion")
    doc = {"task": task.name, "style": "grounded", "labels": ["以偏概全", "乱贴标签"]}
    right = render_answer(Answer(("乱贴标签", "以偏概全"), None, "如此。"), task, "grounded")
    assert score(doc, [right]) == {"labels_right": 1.0, "parsed": 1.0}
    assert score(doc, [render_answer(Answer(("乱贴标签",)), task, "grounded")]) == {"labels_right": 0.0, "parsed": 1.0}
    assert score({**doc, "labels": []}, ["不知道"]) == {"labels_right": 0.0, "parsed": 0.0}


def test_one_task_for_inspect(data: Path, tmp_path: Path) -> None:
    path = data / "sos-hl-1k" / "suicide_val.jsonl"
    evaluate(
        "export", "--task", "suicide_risk", "--data", path, "--to", "inspect", "--out", tmp_path / "out", "--limit", 3
    )
    assert len(documents(tmp_path / "out" / "suicide_risk.jsonl")) == 3
    code = (tmp_path / "out" / "suicide_risk.py").read_text(encoding="utf-8")
    compile(code, "suicide_risk.py", "exec")
    assert "def suicide_risk() -> Task:" in code


def test_what_cannot_be_exported(data: Path, tmp_path: Path) -> None:
    for arguments, message in [
        (("downstream", "--data", data, "--to", "csv"), "use lm-eval, inspect"),
        ((), "name a suite or --task"),
        (("downstream", "--data", tmp_path), "none of its files"),
        (("downstream", "--data", data, "--style", "x"), "has no style 'x'"),
    ]:
        assert message in refusal("export", *arguments, "--out", tmp_path / "out")
