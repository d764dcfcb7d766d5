"""Character TF-IDF and logistic regression."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.baselines.answers import Lesson, analysis
from mentalglm.analysis import Analysis
from mentalglm.errors import UserError

SEED = 0


class TfIdf:
    """Character 1–4-gram TF-IDF and logistic regression, one label against the rest, classes balanced."""

    name = "tfidf"
    device = "cpu"

    def __init__(self, lesson: Lesson) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression

        lesson.check_rows(self.name)
        self._task, train = lesson.task, lesson.train
        self._features = TfidfVectorizer(analyzer="char", ngram_range=(1, 4), min_df=2, sublinear_tf=True)
        try:
            posts = self._features.fit_transform(row.text for row in train)
        except ValueError:
            raise UserError(f"tfidf cannot learn from {len(train)} training rows: no words recur; add rows") from None
        self._regressions: dict[int, LogisticRegression] = {}
        for index, name in enumerate(self._task.label_names):
            gold = [name in row.labels for row in train]
            if 0 < sum(gold) < len(gold):  # a label never or always there teaches nothing
                regression = LogisticRegression(solver="liblinear", class_weight="balanced", random_state=SEED)
                self._regressions[index] = regression.fit(posts, gold)
        self._constant = np.array([float(all(name in row.labels for row in train)) for name in self._task.label_names])

    def describe(self) -> dict[str, Any]:
        """What identifies the baseline beside the training rows."""
        return {"seed": SEED}

    def answer(self, posts: Sequence[str]) -> list[Analysis]:
        """One answer per post, in order."""
        features = self._features.transform(posts)
        chances = np.tile(self._constant, (len(posts), 1))
        for index, regression in self._regressions.items():
            chances[:, index] = regression.predict_proba(features)[:, 1]
        if not self._task.many:
            chances /= np.maximum(chances.sum(axis=1, keepdims=True), 1e-12)
        decided = [self._decide(row) for row in chances]
        return [analysis(self.name, self._task, *each) for each in zip(posts, decided, chances, strict=True)]

    def _decide(self, chances: NDArray[np.float64]) -> list[str]:
        names = self._task.label_names
        if not self._task.many:
            return [names[int(chances.argmax())]]
        return [name for name, chance in zip(names, chances, strict=True) if chance >= 0.5]
