"""What every baseline is given and gives back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mentalglm.analysis import Analysis, crisis_of
from mentalglm.errors import UserError
from mentalglm.readers import LabelledRow
from mentalglm.tasks import Task


@dataclass(frozen=True)
class Lesson:
    """What a baseline may learn one task from.

    Attributes:
        task: The task.
        train: The training rows.
        validation: Rows to choose settings by; empty where the data have none.
        seed: Of everything random.
        folder: Where a trained model is kept, so that a run that was killed does not train it again.
        device: Where to compute.
        revision: Of a hub name.
        tell: Is told how the learning goes.
    """

    task: Task
    train: Sequence[LabelledRow]
    validation: Sequence[LabelledRow] = ()
    seed: int = 0
    folder: Path | None = None
    device: str | None = None
    revision: str | None = None
    tell: Callable[[str], None] = field(default=lambda line: None)

    def check_rows(self, name: str) -> None:
        """Sees to it that there are rows to learn from.

        Raises:
            UserError: There are none.
        """
        if not self.train:
            raise UserError(
                f"{name} learns from rows of split train, and the file has none; give a file that holds them"
            )


class Baseline(Protocol):
    """A baseline that has learned, or will when asked, one task.

    Attributes:
        device: Where it computes.
    """

    device: str

    def describe(self) -> dict[str, Any]:
        """What identifies it, for the manifest."""

    def answer(self, posts: Sequence[str]) -> list[Analysis]:
        """One answer per post, in order."""


def analysis(
    name: str, task: Task, post: str, labels: list[str], chances: NDArray[np.float64] | None = None
) -> Analysis:
    """An answer in the form in which models give theirs.

    Args:
        name: The baseline's name.
        task: The task.
        post: The post.
        labels: What it says.
        chances: A probability per label, in the task's order; None for a rule, which has none.
    """
    known = [None] * len(task.labels) if chances is None else [float(chance) for chance in chances]
    return Analysis(
        task=task.name,
        text=post,
        labels=labels,
        probabilities=dict(zip(task.label_names, known, strict=True)),
        crisis=crisis_of(task, labels),
        model=name,
        prompt_hash="",
    )
