"""Recovers labels from explanations alone: if a small classifier can't, the explanation does not carry its label.

It learns from gold explanations of the training rows, label names hidden: naming a label is not explaining it. It is a
yardstick with errors of its own, and so its figure is read beside the one of the gold explanations on the same rows.

The idea is MentaLLaMA's automatic "consistency" (Yang et al., WWW 2024, doi 10.1145/3589334.3648137).
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mentalglm.consistency import MIN_EXPLANATIONS, MIN_PER_LABEL, classifier, hide_labels
from mentalglm.readers import LabelledRow
from mentalglm.tasks import Task, load_task

_HIDDEN = "□"
_SHORTENED = 5  # Chinese names from this length on are shortened in speech: 高风险 for 高自杀风险


class LabelRecovery:
    """A classifier of one task's explanations: TF-IDF of characters and one logistic regression per label."""

    def __init__(self, task: Task, judged: NDArray[np.int64], model: Any) -> None:
        self._task, self._judged, self._model = task, judged, model

    def recover(self, explanations: Sequence[str]) -> list[list[str]]:
        """The labels that each explanation seems to be for: the likeliest one, or of several all that reach 0.5."""
        if not explanations:
            return []
        chances = np.zeros((len(explanations), len(self._task.labels)))
        chances[:, self._judged] = self._model.predict_proba([hidden(text, self._task) for text in explanations])
        names = self._task.label_names
        if not self._task.many:
            return [[names[int(row.argmax())]] for row in chances]
        return [[name for name, chance in zip(names, row, strict=True) if chance >= 0.5] for row in chances]


def fit_label_recovery(train: Sequence[LabelledRow], task: Task) -> LabelRecovery | None:
    """Learns from rows that have an explanation.

    Labels of fewer than five rows are never recovered, from whomever's explanations.

    Returns:
        None where fewer than 50 rows have one, or fewer than two labels can be told apart.
    """
    told = [row for row in train if row.explanation]
    if len(told) < MIN_EXPLANATIONS:
        return None
    flags = np.array([[name in row.labels for name in task.label_names] for row in told], bool)
    judged = np.flatnonzero((flags.sum(0) >= MIN_PER_LABEL) & ((~flags).sum(0) >= MIN_PER_LABEL))
    if len(judged) < 2:
        return None
    model = classifier().fit([hidden(str(row.explanation), task) for row in told], flags[:, judged])
    return LabelRecovery(task, judged, model)


def hidden(explanation: str, task: Task) -> str:
    """``explanation`` without the names of labels, parents, children and levels, however they are written."""
    names = [name for label in task.labels for name in label.name.split("##")]
    short = [re.escape(name[0] + name[-2:]) for name in names if len(name) >= _SHORTENED and not name.isascii()]
    text = hide_labels(hide_labels(explanation, task), load_task("suicide_level"))
    return re.sub("|".join(short), _HIDDEN, text) if short else text
