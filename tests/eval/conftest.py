"""Small labelled files of invented sentences, and run folders written as a run writes them."""

import json
from pathlib import Path
from typing import Any

import pytest

from mentalglm.tasks import load_task


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """A file of suicide_risk records: 40 to learn from, 20 to test on, ids in pairs that share a group."""
    path = tmp_path / "suicide_risk.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for i in range(60):
            high = i % 3 == 0
            record = {
                "id": f"r{i}",
                "group": f"g{i // 2}",
                "task": "suicide_risk",
                "license": "CC-BY-4.0",
                "text": f"第{i}天，都安排好了，日子也定了" if high else f"第{i}天，照常上班，照常吃饭",
                "labels": ["高自杀风险" if high else "低自杀风险"],
                "evidence": [{"start": 0, "end": 2, "label": None}],
                "split": "train" if i < 40 else "test",
            }
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    return path


def sample(gold: list[str], labels: list[str], **more: Any) -> dict[str, Any]:
    """One line of samples.jsonl."""
    return {
        "gold": gold,
        "labels": labels,
        "candidates": [],
        "probabilities": {},
        "parsed": True,
        "abstained": False,
        "evidence": [],
        "gold_evidence": None,
        **more,
    }


def write_run(folder: Path, task: str, samples: list[dict[str, Any]], model: str = "m", **data: Any) -> Path:
    """Writes a run folder; every sample is its own group unless it says otherwise."""
    folder.mkdir(parents=True)
    manifest = {
        "task": task,
        "task_version": load_task(task).version,
        "style": "grounded",
        "prompt_hash": "0" * 64,
        "model": {"name": model},
        "data": {
            "file": "x.jsonl", "sha256": "0" * 64, "split": "test", "limit": None, "rows": len(samples),
            "bad_rows": 0, "licenses": ["CC-BY-4.0"], **data,
        },
        "options": {"labels_only": False, "store_text": False},
        "started": "2026-01-01T00:00:00+00:00",
        "versions": {"python": "3.11"},
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    lines = ({"id": f"r{i}", "row": i, "group": f"r{i}", **item} for i, item in enumerate(samples))
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (folder / "samples.jsonl").write_text(text, encoding="utf-8")
    return folder
