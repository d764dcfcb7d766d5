"""Answers that were wrong, to be read beside the scores: only of posts that the run kept and that may be shown."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.folder import each_sample
from eval.run import OPEN_LICENSE
from mentalglm.tasks import Task

MOST, _LONGEST = 8, 240


@dataclass(frozen=True)
class ErrorExample:
    """One wrong answer.

    Attributes:
        text: The post, its end cut where it is long.
        gold: The labels it should have had.
        labels: Those it got.
        parsed: Whether the answer could be read.
        explanation: What the model said; empty where it said nothing.
    """

    text: str
    gold: list[str]
    labels: list[str]
    parsed: bool
    explanation: str


def error_examples(folder: Path, manifest: dict[str, Any], task: Task, show_posts: bool) -> list[ErrorExample]:
    """A few wrong answers of a run, drawn evenly by the posts' hashes, the same every time.

    Args:
        folder: The run's.
        manifest: The task's part of its manifest.
        task: The task.
        show_posts: Show posts of any licence; otherwise none where not every post of the data is openly licensed.
    """
    if not manifest["options"].get("store_text"):
        return []
    if not show_posts and manifest["data"]["licenses"] != [OPEN_LICENSE]:
        return []
    wrong = [
        sample
        for sample in each_sample(folder)
        if sample.get("task", task.name) == task.name
        and "text" in sample
        and (not sample["parsed"] or set(sample["labels"]) != set(sample["gold"]))
    ]
    wrong.sort(key=lambda sample: hashlib.sha256(sample["id"].encode()).digest())
    return [
        ErrorExample(
            text=_cut(sample["text"]),
            gold=sample["gold"],
            labels=sample["labels"],
            parsed=sample["parsed"],
            explanation=_cut(sample["explanation"] or ""),
        )
        for sample in wrong[:MOST]
    ]


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
