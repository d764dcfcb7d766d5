"""A model is taught a task that does not ship; analysing, evaluating and scoring it then need no Python."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mentalglm.answer import Answer, Quote
from mentalglm.models.manifest import read_manifest
from mentalglm.prompt import build_messages
from mentalglm.tasks import load_task_file, prompt_hash
from tests.needs import need_compiler
from tests.tiny import SENTENCES, save_tiny
from tests.train.runs import ROOT, run_here, write_config

TASK = """\
name: pets
kind: single
language: zh
question: 写的人养了什么？
labels: {猫: 写到自己的猫。, 狗: 写到自己的狗。}
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny GLM, taught the task from an instruction folder that brings it along."""
    need_compiler()
    place = tmp_path_factory.mktemp("own")
    save_tiny(place / "base")
    corpus(place / "data")
    settings = {"model": place / "base", "data": place / "data", "num_train_epochs": 20, "max_seq_length": 128}
    assert run_here(write_config(place, "run", **settings)) == 0
    return place / "run" / "model"


def posts() -> list[tuple[str, str]]:
    """Posts and their labels."""
    animals = ("猫", "狗")
    return [(f"{animals[n % 2] * 8}。{SENTENCES[n // 2]}", animals[n % 2]) for n in range(26)]


def corpus(folder: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    (folder / "tasks").mkdir(parents=True)
    (folder / "tasks" / "pets.yaml").write_text(TASK, encoding="utf-8")
    task = load_task_file(folder / "tasks" / "pets.yaml")
    rows = [
        {
            "id": f"r{n}",
            "messages": build_messages(post, task, "grounded", Answer((label,), (Quote(post[:4]),), "写到了。")),
            "task": "pets",
            "source": "invented",
            "split": "train",
            "weight": 1.0,
        }
        for n, (post, label) in enumerate(posts())
    ]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "train.parquet")
    (folder / "corpus.json").write_text(json.dumps({"style": "grounded", "tasks": ["pets"]}), encoding="utf-8")


def python(*arguments: object) -> str:
    """What a command prints in a process of its own, which has never heard of the task."""
    command = [sys.executable, *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_model_folder_holds_all_that_is_needed(model: Path) -> None:
    task = load_task_file(model / "tasks" / "pets.yaml")
    manifest = read_manifest(model)
    assert manifest.tasks == ["pets"]
    assert manifest.prompt_hash == {"pets": prompt_hash(task, "grounded")}
    assert [path.name for path in (model / "tasks").iterdir()] == ["pets.yaml"]


def test_a_post_is_analysed(model: Path, tmp_path: Path) -> None:
    file = tmp_path / "posts.txt"
    file.write_text("".join(post + "\n" for post, _ in posts()), encoding="utf-8")
    lines = python(
        "-m", "mentalglm.cli", "analyze", "--file", file, "--model", model, "--task", "pets", "--format", "json"
    )
    analyses: list[dict[str, Any]] = [json.loads(line) for line in lines.splitlines()]
    assert [one["labels"] for one in analyses] == [[label] for _, label in posts()]
    for one, (post, _) in zip(analyses, posts(), strict=True):
        assert one["task"] == "pets" and sum(one["probabilities"].values()) == pytest.approx(1, abs=1e-3)
        assert one["text"] == post and all(post[e["start"] : e["end"]] == e["text"] for e in one["evidence"])
    everything = python("-m", "mentalglm.cli", "analyze", posts()[0][0], "--model", model, "--format", "json")
    assert [json.loads(line)["task"] for line in everything.splitlines()] == ["pets"]


def accuracy(run: Path) -> float:
    """Scores a run folder; returns what it says."""
    python("-m", "eval", "score", run)
    scores = json.loads((run / "scores.json").read_text(encoding="utf-8"))
    return float(scores["metrics"]["accuracy"]["value"])


def test_it_is_evaluated_and_scored_without_the_model(model: Path, tmp_path: Path) -> None:
    file, run = tmp_path / "gold.jsonl", tmp_path / "run"
    lines = (json.dumps({"text": post, "labels": [label]}, ensure_ascii=False) + "\n" for post, label in posts())
    file.write_text("".join(lines), encoding="utf-8")
    python("-m", "eval", "run", "--task", "pets", "--data", file, "--model", model, "--out", run, "--labels-only")
    assert [path.name for path in (run / "tasks").iterdir()] == ["pets.yaml"]
    assert accuracy(run) == 1


def test_a_baseline_takes_the_task_from_beside_the_data(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "pets.yaml").write_text(TASK, encoding="utf-8")
    lines = (
        json.dumps({"text": post, "labels": [label], "split": split}, ensure_ascii=False) + "\n"
        for split in ("train", "test")
        for post, label in posts()
    )
    (tmp_path / "pets.jsonl").write_text("".join(lines), encoding="utf-8")
    run = tmp_path / "run"
    python("-m", "eval", "run", "--task", "pets", "--data", tmp_path, "--model", "tfidf", "--out", run)
    assert accuracy(run) == 1
