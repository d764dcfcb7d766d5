"""A whole suite asked of a real endpoint on loopback: few-shot, freely written, scored, reported."""

import json
from pathlib import Path

import pytest
import yaml

from tests.endpoints import Gateway, mentalglm_server
from tests.eval.commands import evaluate, manifest, samples

ROWS = 3


@pytest.fixture
def suite(records: Path, tmp_path: Path) -> Path:
    """Two tasks over invented posts."""
    lines = [json.loads(line) for line in records.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        label = "不安全" if "定了" in line["text"] else "安全"
        line.update(task="emotional_safety", labels=[label], id=f"e{line['id']}")
    other = records.with_name("emotional_safety.jsonl")
    other.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    tasks = [
        {"task": name, "source": "invented", "files": {"all": [f"{name}.jsonl"]}, "metrics": ["accuracy"]}
        for name in ("suicide_risk", "emotional_safety")
    ]
    words = {"zh": "端点", "en": "endpoint"}
    said = {"name": "endpoint", "version": 1, "title": words, "description": words, "tasks": tasks}
    path = tmp_path / "endpoint.yaml"
    path.write_text(yaml.safe_dump(said, allow_unicode=True), encoding="utf-8")
    return path


@pytest.mark.slow
def test_a_suite_by_an_endpoint_few_shot_and_freely_written(suite: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with Gateway(mentalglm_server()) as gateway:
        command = (
            "run", suite, "--data", tmp_path, "--endpoint", gateway.url, "--endpoint-model", "embedded",
            "--generate", "--shots", 1, "--limit", ROWS, "--out", out,
        )  # fmt: skip
        done = evaluate(*command)
        assert done.exit_code == 0, done.stderr
        asked = [body["messages"][-1]["content"] for body in gateway.bodies]
        assert len(asked) == 2 * ROWS and all("先看几个例子" in question for question in asked)
        evaluate(*command)  # nothing is asked twice
        assert len(gateway.bodies) == 2 * ROWS
    kept = samples(out)
    assert [item["task"] for item in kept] == ["suicide_risk"] * ROWS + ["emotional_safety"] * ROWS
    assert all(item["reply"] and set(item["probabilities"].values()) == {None} for item in kept)
    told = manifest(out)
    for name, labels in (("suicide_risk", 2), ("emotional_safety", 2)):  # nobody is 临界 here
        facts = told["tasks"][name]
        assert facts["setting"] == "few-shot" and facts["options"]["generate"]
        assert len(facts["shots"]["ids"]) == labels
        assert not set(facts["shots"]["ids"]) & {item["id"] for item in kept}
    scores = json.loads((out / "scores.json").read_text(encoding="utf-8"))["tasks"]
    assert all(scores[name]["n"] == ROWS and scores[name]["parse_rate"]["value"] is not None for name in scores)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "少样本" in page and "few-shot" in page and "endpoint" in page
