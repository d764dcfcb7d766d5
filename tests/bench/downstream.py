"""How well the embedded model learns a task: ``python -m tests.bench.downstream CONFIG --data DIR --out DIR``.

The records of the build CONFIG are divided into folds by a hash of the normalised post. For each fold, the others are
built into an instruction folder (an eighth of them, by the same hash, the validation split), and
``train/configs/downstream.yaml`` is trained on it through the launcher. Then the fold is answered, labels only.
Character TF-IDF with logistic regression learns from the same posts, those of the validation split included. Scores are
of all folds' answers together, with 95 % intervals by bootstrap over posts. With ``--held-out`` there are no folds: the
test posts are those that the config's lists of held-out posts keep from being trained on. Posts are written below
``--out`` and nowhere else; none is printed.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import yaml

from instructions.duplicates import text_key
from mentalglm import metrics
from mentalglm.tasks import load_task

ROOT = Path(__file__).parents[2]
VALIDATION = 8  # one in so many of the posts trained on
MODELS = ("glm", "tfidf")


def main() -> None:
    """Trains and scores what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path, help="such as instructions/configs/sos-hl-1k.yaml")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the sources' files")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--task", default="suicide_risk")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only", type=int, nargs="*", help="these folds alone, from 0")
    parser.add_argument("--held-out", action="store_true", help="test on the posts that must not be trained on")
    parser.add_argument("--ranks", type=int, default=2, help="processes of the launcher")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="settings of the training")
    asked = parser.parse_intermixed_args()
    config = yaml.safe_load(asked.config.read_text(encoding="utf-8"))
    records = read_records(config, asked.out / "sound", asked)
    if asked.held_out:
        usable = {record["text"] for record in records}
        every = read_records(config | {"checks": {}}, asked.out / "every", asked)
        records = [record if record["text"] in usable else record | {"split": "test"} for record in every]
    chosen = range(asked.folds) if asked.only is None else asked.only
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in MODELS}
    for fold in [None] if asked.held_out else chosen:
        folder = asked.out / ("held-out" if fold is None else f"fold-{fold}")
        shutil.rmtree(folder, ignore_errors=True)  # a model that is there would be gone on with, not trained anew
        seconds = train(records, folder, fold, asked)
        for name in MODELS:
            answers[name] += answered(folder, name, asked.task)
        print(f"{folder.name}: trained in {seconds / 60:.1f} min", flush=True)
    report(answers, asked.task)


def read_records(config: dict[str, Any], folder: Path, asked: argparse.Namespace) -> list[dict[str, Any]]:
    """The records of the task in the config's build."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "build.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    path = folder / "records.jsonl"
    build(folder / "build.yaml", asked.data, folder / "data", "--records", path)
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [record for record in found if record["task"] == asked.task]


def train(records: list[dict[str, Any]], folder: Path, fold: int | None, asked: argparse.Namespace) -> float:
    """Builds and trains one fold; returns the training's seconds."""
    write_fold(records, folder, fold, asked)
    build(folder / "build.yaml", folder.resolve(), folder / "data")
    launcher = [str(Path(sys.executable).parent / "deepspeed"), "--num_accelerators", str(asked.ranks)]
    settings = [f"task={asked.task}", f"data={folder / 'data'}", f"output_dir={folder / 'out'}", *asked.overrides]
    start = perf_counter()
    run("train/run.py", "train/configs/downstream.yaml", *settings, start=launcher)
    return perf_counter() - start


def write_fold(records: list[dict[str, Any]], folder: Path, fold: int | None, asked: argparse.Namespace) -> None:
    """Writes the records of the fold, those the baseline learns from, and the build's config."""
    for name, held_back in (("glm", "validation"), ("tfidf", "train")):
        (folder / name).mkdir(parents=True, exist_ok=True)
        with (folder / name / f"{asked.task}.jsonl").open("w", encoding="utf-8") as file:
            for record in records:
                split = record["split"] if fold is None else split_of(record["text"], fold, asked.folds)
                placed = record | {"split": held_back if split == "validation" else split}
                file.write(json.dumps(placed, ensure_ascii=False) + "\n")
    config = {
        "name": folder.name.replace("-", "_"),
        "records": {"files": [f"glm/{asked.task}.jsonl"]},
        "mixture": {"phrasings": "canonical", "total": "all"},
    }
    (folder / "build.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


def build(config: Path, data: Path, out: Path, *options: object) -> None:
    """``python -m instructions build``."""
    run("-m", "instructions", "build", config, "--data", data, "--out", out, *options)


def split_of(post: str, fold: int, folds: int) -> str:
    """The fold's own posts are the test split."""
    place = int(hashlib.sha256(text_key(post).encode()).hexdigest(), 16)
    if place % folds == fold:
        return "test"
    return "validation" if place // folds % VALIDATION == 0 else "train"


def answered(folder: Path, name: str, task: str) -> list[dict[str, Any]]:
    """The answers to the fold's own posts."""
    model = folder / "out" / "model" if name == "glm" else name
    out = folder / f"run-{name}"
    options = ["--task", task, "--data", folder / name / f"{task}.jsonl", "--model", model, "--labels-only"]
    run("-m", "eval", "run", *options, "--out", out)
    return [json.loads(line) for line in (out / "samples.jsonl").read_text(encoding="utf-8").splitlines()]


def report(answers: dict[str, list[dict[str, Any]]], task_name: str) -> None:
    """Prints the scores of all answers, and of the model over the baseline."""
    task = load_task(task_name)
    positive = task.binary_label or task.label_names[0]
    groups = np.array([sample["group"] for sample in answers["glm"]])
    gold = np.array([positive in sample["gold"] for sample in answers["glm"]])
    found = {
        name: np.array([[positive in s["labels"], (s["probabilities"] or {}).get(positive, np.nan)] for s in samples])
        for name, samples in answers.items()
    }
    print(f"{len(gold)} posts in {len(set(groups.tolist()))} groups, {gold.sum()} {positive}")

    def scores(rows: np.ndarray, name: str) -> dict[str, float]:
        predicted, chances = found[name][rows, 0] > 0, found[name][rows, 1]
        counts = metrics.count(gold[rows], predicted)
        both = metrics.count_codes(gold[rows].astype(int), predicted.astype(int), 2)
        return {
            "F1": float(metrics.f1(counts)[0]),
            "precision": float(metrics.precision(counts)[0]),
            "recall": float(metrics.recall(counts)[0]),
            "macro-F1": float(metrics.macro_f1(both)),
            "AUROC": float(metrics.auroc(gold[rows], chances)),
        }

    def all_scores(rows: np.ndarray) -> np.ndarray:
        ours, theirs = (np.array(list(scores(rows, name).values())) for name in MODELS)
        return np.concatenate([ours, theirs, ours - theirs])

    every = np.arange(len(gold))
    low, high = metrics.bootstrap_interval(all_scores, every, groups=groups)
    cells = [f"{v:.3f} [{lo:.3f}, {hi:.3f}]" for v, lo, hi in zip(all_scores(every), low, high, strict=True)]
    names = list(scores(every, "glm"))
    print(f"{'':12}{'glm':24}{'tfidf':24}difference")
    for number, name in enumerate(names):
        print(f"{name:12}" + "".join(f"{cells[number + k * len(names)]:24}" for k in range(3)))


def run(*arguments: object, start: list[str] | None = None) -> None:
    """A command of the project, its output left on the terminal's stderr."""
    path = f"{os.environ['PATH']}{os.pathsep}{Path(sys.executable).parent}"
    environment = os.environ | {"DS_ACCELERATOR": "cpu", "OMP_NUM_THREADS": "1", "PATH": path}
    command = [*(start or [sys.executable]), *map(str, arguments)]
    subprocess.run(command, cwd=ROOT, env=environment, stdout=sys.stderr, check=True)


if __name__ == "__main__":
    main()
