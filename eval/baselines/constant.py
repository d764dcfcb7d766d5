"""Answers that don't look at the post."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from eval.baselines.answers import Lesson, analysis
from mentalglm.analysis import Analysis
from mentalglm.errors import UserError


class Majority:
    """Always answers the most frequent label of the training rows, also where a task allows several."""

    name = "majority"
    device = "cpu"

    def __init__(self, lesson: Lesson) -> None:
        lesson.check_rows(self.name)
        self._task = lesson.task
        seen = Counter(label for row in lesson.train for label in row.labels)
        self._shares = np.array([seen[name] / len(lesson.train) for name in lesson.task.label_names])

    def describe(self) -> dict[str, Any]:
        """Its name and the training file's hash say all."""
        return {}

    def answer(self, posts: Sequence[str]) -> list[Analysis]:
        """The same answer for every post."""
        best = [self._task.label_names[int(self._shares.argmax())]]
        return [analysis(self.name, self._task, post, best, self._shares) for post in posts]


class AlwaysPositive(Majority):
    """Always raises the alarm: what a high recall costs, and the F1 that a model of a rare class has to beat."""

    name = "always-positive"

    def __init__(self, lesson: Lesson) -> None:
        super().__init__(lesson)
        self._shares = np.array([float(label.positive) for label in lesson.task.labels])
        if not self._shares.any():
            raise UserError(f"task {lesson.task.name!r} has no positive label to answer always; use majority")
