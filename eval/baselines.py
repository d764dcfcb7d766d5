"""What a model has to beat: constant answers and character TF-IDF, asked and scored along the same path.

They learn from the rows of the evaluated file whose split is ``train``; they give labels and probabilities, no words.
"""

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mentalglm.analysis import Analysis, crisis_of
from mentalglm.errors import UserError
from mentalglm.readers import LabelledRow
from mentalglm.tasks import Task

SEED = 0


class Majority:
    """Always answers the most frequent label of the training rows, also where a task allows several."""

    model_name = "majority"

    def __init__(self, task: Task, train: list[LabelledRow]) -> None:
        _check(train, self.model_name)
        self._task, self._rows = task, len(train)
        seen = Counter(label for row in train for label in row.labels)
        self._shares = np.array([seen[name] / len(train) for name in task.label_names])

    def describe(self) -> dict[str, Any]:
        """What identifies the baseline."""
        return {"kind": "baseline", "train_rows": self._rows}

    def style(self, task_name: str) -> None:
        """A baseline is not asked in words."""

    def analyze(self, posts: list[str], task: str, *, labels_only: bool) -> list[Analysis]:
        """The same answer for every post."""
        best = [self._task.label_names[int(self._shares.argmax())]]
        return [_analysis(self, self._task, post, best, self._shares) for post in posts]


class AlwaysPositive(Majority):
    """Always raises the alarm: what a high recall costs, and the F1 that a model of a rare class has to beat."""

    model_name = "always-positive"

    def __init__(self, task: Task, train: list[LabelledRow]) -> None:
        super().__init__(task, train)
        self._shares = np.array([float(label.positive) for label in task.labels])
        if not self._shares.any():
            raise UserError(f"task {task.name!r} has no positive label to answer always; use majority")


class TfIdf:
    """Character 1–4-gram TF-IDF and logistic regression, one label against the rest, classes balanced."""

    model_name = "tfidf"

    def __init__(self, task: Task, train: list[LabelledRow]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression

        _check(train, self.model_name)
        self._task, self._rows = task, len(train)
        self._features = TfidfVectorizer(analyzer="char", ngram_range=(1, 4), min_df=2, sublinear_tf=True)
        try:
            posts = self._features.fit_transform(row.text for row in train)
        except ValueError:
            raise UserError(f"tfidf cannot learn from {len(train)} training rows: no words recur; add rows") from None
        self._regressions: dict[int, LogisticRegression] = {}
        for index, name in enumerate(task.label_names):
            gold = [name in row.labels for row in train]
            if 0 < sum(gold) < len(gold):  # a label never or always there teaches nothing
                regression = LogisticRegression(solver="liblinear", class_weight="balanced", random_state=SEED)
                self._regressions[index] = regression.fit(posts, gold)
        self._constant = np.array([float(all(name in row.labels for row in train)) for name in task.label_names])

    def describe(self) -> dict[str, Any]:
        """What identifies the baseline."""
        return {"kind": "baseline", "train_rows": self._rows, "seed": SEED}

    def style(self, task_name: str) -> None:
        """A baseline is not asked in words."""

    def analyze(self, posts: list[str], task: str, *, labels_only: bool) -> list[Analysis]:
        """One analysis per post, in order."""
        features = self._features.transform(posts)
        chances = np.tile(self._constant, (len(posts), 1))
        for index, regression in self._regressions.items():
            chances[:, index] = regression.predict_proba(features)[:, 1]
        if not self._task.many:
            chances /= np.maximum(chances.sum(axis=1, keepdims=True), 1e-12)
        return [
            _analysis(self, self._task, post, self._decide(row), row) for post, row in zip(posts, chances, strict=True)
        ]

    def _decide(self, chances: NDArray[np.float64]) -> list[str]:
        names = self._task.label_names
        if not self._task.many:
            return [names[int(chances.argmax())]]
        return [name for name, chance in zip(names, chances, strict=True) if chance >= 0.5]


Baseline = Majority | TfIdf
BASELINES: dict[str | None, type[Baseline]] = {
    "majority": Majority,
    "always-positive": AlwaysPositive,
    "tfidf": TfIdf,
}


def _check(train: list[LabelledRow], name: str) -> None:
    if not train:
        raise UserError(f"{name} learns from rows of split train, and the file has none; give a file that holds them")


def _analysis(model: Baseline, task: Task, post: str, labels: list[str], chances: NDArray[np.float64]) -> Analysis:
    return Analysis(
        task=task.name,
        text=post,
        labels=labels,
        probabilities=dict(zip(task.label_names, map(float, chances), strict=True)),
        crisis=crisis_of(task, labels),
        model=model.model_name,
        prompt_hash="",
    )
