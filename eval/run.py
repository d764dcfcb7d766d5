"""Runs one model over one task's samples and keeps every answer as soon as it is there."""

import hashlib
import json
import os
import platform
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from eval.baselines import BASELINES
from eval.data import LIMIT_SEED, Data
from eval.folder import SAMPLES, open_run
from mentalglm.analysis import Analysis
from mentalglm.readers import LabelledRow, Span
from mentalglm.tasks import keep_task, prompt_hash

OPEN_LICENSE = "CC-BY-4.0"


@dataclass(frozen=True)
class Options:
    """How to run.

    Attributes:
        model: A folder, a model's name, a baseline's name, or None for the built-in model.
        labels_only: Ask for labels alone.
        batch_size: Posts per call of the model.
        store_text: Keep posts and explanations of every row, not only the explanations of openly licensed ones.
    """

    model: str | None = None
    labels_only: bool = False
    batch_size: int = 16
    store_text: bool = False


class Model(Protocol):
    """What a run needs of a model; :class:`mentalglm.analyzer.Analyzer` and the baselines offer it."""

    model_name: str

    def describe(self) -> dict[str, Any]:
        """What identifies the model: name, revision, dtype, hash."""

    def style(self, task_name: str) -> str | None:
        """The style in which it is asked; None for a baseline, which is not asked in words."""

    def analyze(self, posts: list[str], task: str, *, labels_only: bool) -> list[Analysis]:
        """One analysis per post, in order."""


def run_task(data: Data, folder: Path, options: Options, console: Console) -> None:
    """Answers every sample that the folder does not hold yet.

    Raises:
        UserError: The model cannot be loaded, or the folder holds another run.
    """
    if options.model in BASELINES:
        options = replace(options, labels_only=True)  # a baseline has no words to offer
    model = _load(options.model, data, options.batch_size)
    done = open_run(folder, _manifest(model, data, options))
    keep_task(folder, data.task.name)
    todo = [row for row in data.samples if row.id not in done]
    if done:
        console.print(
            f"resuming: {len(data.samples) - len(todo)} of {len(data.samples)} samples are there already",
            soft_wrap=True,
        )
    with (folder / SAMPLES).open("a", encoding="utf-8") as file, _progress(console) as progress:
        bar = progress.add_task("asking", total=len(todo))
        for start in range(0, len(todo), options.batch_size):
            rows = todo[start : start + options.batch_size]
            answers = model.analyze([row.text for row in rows], data.task.name, labels_only=options.labels_only)
            for row, answer in zip(rows, answers, strict=True):
                file.write(json.dumps(_sample(row, answer, options), ensure_ascii=False) + "\n")
                file.flush()
                progress.advance(bar)


def _load(name: str | None, data: Data, batch_size: int) -> Model:
    if name in BASELINES:
        return BASELINES[name](data.task, data.train)
    from mentalglm.analyzer import Analyzer

    analyzer = Analyzer.load(name, batch_size=batch_size)
    analyzer.check_tasks([data.task.name])
    return analyzer


def _manifest(model: Model, data: Data, options: Options) -> dict[str, Any]:
    task, style = data.task, model.style(data.task.name)
    described = model.describe()
    device = described.pop("device", "cpu")  # where it ran, not what it is: a run may go on elsewhere
    return {
        "task": task.name,
        "task_version": task.version,
        "style": style,
        "prompt_hash": prompt_hash(task, style) if style else None,
        "model": {"name": model.model_name, **described},
        "data": {
            "file": data.path.name,
            "sha256": data.sha256,
            "split": data.split,
            "limit": data.limit,
            "text_column": data.columns[0],
            "label_column": data.columns[1],
            "rows": len(data.samples),
            "bad_rows": len(data.bad),
            "licenses": sorted({row.license or "unknown" for row in data.samples}),
        },
        "options": {"labels_only": options.labels_only, "store_text": options.store_text},
        "batch_size": options.batch_size,
        "seeds": {"limit": LIMIT_SEED},
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": _versions(),
        "hardware": {"cpus": os.cpu_count(), "machine": platform.machine(), "device": device},
    }


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("mentalglm", "torch", "transformers", "peft", "llguidance", "scikit-learn", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _sample(row: LabelledRow, answer: Analysis, options: Options) -> dict[str, Any]:
    """One line of samples.jsonl. A post is not ours to keep: its hash stands for it, and offsets for quoted words."""
    words_may_stay = options.store_text or row.license == OPEN_LICENSE  # an explanation quotes the post
    sample = {
        "id": row.id,
        "row": row.row,
        "group": row.group,
        "text_sha256": hashlib.sha256(row.text.encode()).hexdigest(),
        "gold": list(row.labels),
        "labels": answer.labels,
        "candidates": answer.candidates,
        "probabilities": answer.probabilities,
        "parsed": answer.parsed,
        "abstained": answer.abstained,
        "crisis": answer.crisis,
        "conflicts": answer.conflicts,
        "windows": answer.windows,
        "evidence": [_offsets(item.start, item.end, item.label) for item in answer.evidence],
        "gold_evidence": None if row.evidence is None else [_span(item) for item in row.evidence],
        "explanation": answer.explanation if words_may_stay else None,
        "gold_explanation": row.explanation if words_may_stay else None,
    }
    return {**sample, "text": row.text} if options.store_text else sample


def _span(span: Span) -> dict[str, Any]:
    return _offsets(span.start, span.end, span.label)


def _offsets(start: int, end: int, label: str | None) -> dict[str, Any]:
    return {"start": start, "end": end, "label": label}


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=console)
