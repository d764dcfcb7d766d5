"""Whether an explanation carries its labels: a small classifier must recover them from the explanation alone.

The labels' names are taken out first, so that naming a label does not count as explaining it. What remains goes through
TF-IDF of character n-grams and one logistic regression per label, learned from explanations whose labels are known. The
score is that of the label recovered worst, and it must be no lower than what all but the worst few of the known
explanations reach out of fold: the check finds what is out of the ordinary, it is no judge of single words.

The idea is MentaLLaMA's automatic "consistency" (Yang et al., WWW 2024, doi 10.1145/3589334.3648137).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mentalglm.tasks import Task

# Of the explanations known to be right, the share that is turned down.
TURNED_DOWN = 0.05
MIN_EXPLANATIONS = 50
# A label with fewer explanations than this is not judged.
MIN_PER_LABEL = 5
_FOLDS = 5
_HIDDEN = "□"
_LEVEL = r"(?:第\s*)?(?:[0-9０-９]{1,2}|十|[零〇一二三四五六七八九])\s*级|\blevel\s*[0-9]+"
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Consistency:
    """A fitted check for one task.

    Attributes:
        task: The task.
        threshold: The lowest score at which labels count as recovered.
        explanations: How many it was learned from.
        caught: Of known explanations paired with the labels of another row, the share that is turned down out of fold.
    """

    task: Task
    threshold: float
    explanations: int
    caught: float
    _model: Any
    _judged: Flags

    def holds(self, explanation: str, labels: Sequence[str]) -> bool:
        """Whether ``labels`` can be recovered from ``explanation``."""
        return self.score(explanation, labels) >= self.threshold

    def score(self, explanation: str, labels: Sequence[str]) -> float:
        """The log-probability of the label recovered worst, in nats; 0 is certainty."""
        expected = self._model.predict_proba([hide_labels(explanation, self.task)])
        return float(_worst(expected, _flags([labels], self.task)[:, self._judged])[0])


def fit_consistency(explanations: Sequence[str], labels: Sequence[Sequence[str]], task: Task) -> Consistency | None:
    """Learns the check.

    Args:
        explanations: What was written, N texts.
        labels: The labels that each explains.
        task: Their task.

    Returns:
        The check, or None where N is below `MIN_EXPLANATIONS` or fewer than two labels occur often enough: nothing
        can be said then, and the caller must say that nothing was checked.
    """
    if len(explanations) < MIN_EXPLANATIONS:
        return None
    flags = _flags(labels, task)
    judged = (flags.sum(axis=0) >= MIN_PER_LABEL) & ((~flags).sum(axis=0) >= MIN_PER_LABEL)
    if judged.sum() < 2:
        return None
    from sklearn.model_selection import KFold, cross_val_predict

    flags = flags[:, judged]
    hidden = [hide_labels(text, task) for text in explanations]
    folds = KFold(_FOLDS, shuffle=True, random_state=0)
    expected = cross_val_predict(classifier(), hidden, flags, cv=folds, method="predict_proba")
    threshold = float(np.quantile(_worst(expected, flags), TURNED_DOWN))
    others = flags[np.random.default_rng(0).permutation(len(flags))]
    wrong = (flags != others).any(axis=1)
    caught = float((_worst(expected, others)[wrong] < threshold).mean())
    return Consistency(task, threshold, len(hidden), caught, classifier().fit(hidden, flags), judged)


def hide_labels(explanation: str, task: Task) -> str:
    """``explanation`` with every name of a label of ``task`` replaced by □, however it is written."""
    return _names(task.name, *_spellings(task)).sub(_HIDDEN, explanation)


def _spellings(task: Task) -> list[str]:
    if task.kind == "ordinal":
        return [_LEVEL]
    whole = {name for label in task.labels for name in (label.name, *label.aliases)}
    whole |= {name for style in task.styles.values() for name in style.surface.values()}
    # Of a hierarchy's parent##child either half gives the label away.
    parts = {part for name in whole for part in (name, *name.split("##"))}
    return [_pattern(part) for part in sorted(parts, key=lambda part: (-len(part), part))]


def _pattern(name: str) -> str:
    # English names are whole words: "no" is not in "nothing".
    return rf"\b{re.escape(name)}\b" if name.isascii() else re.escape(name)


@cache
def _names(task: str, *patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


def _flags(labels: Sequence[Sequence[str]], task: Task) -> Flags:
    """(N, labels of the task), whether each is among a row's labels."""
    return np.array([[name in row for name in task.label_names] for row in labels], bool)


def _worst(expected: NDArray[np.float64], flags: Flags) -> NDArray[np.float64]:
    """(N,), the least log-probability over the judged labels of their being as ``flags`` say."""
    expected = np.clip(expected, 1e-6, 1 - 1e-6)
    worst: NDArray[np.float64] = np.log(np.where(flags, expected, 1 - expected)).min(axis=1)
    return worst


def classifier() -> Any:
    """What learns labels from explanations, not fitted yet: TF-IDF of characters, one logistic regression per label."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline

    grams = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True, min_df=2)
    return make_pipeline(
        grams, OneVsRestClassifier(LogisticRegression(C=10, solver="liblinear", class_weight="balanced"))
    )
