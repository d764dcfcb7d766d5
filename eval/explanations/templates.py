"""A constant explanation per label: what any explanation has to beat.

The template of a label is the medoid, by chrF, of the training rows' gold explanations for it: a real one, and the most
ordinary. It is put under the labels that the evaluated model gave, so that it is the explanations alone that differ.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from eval.explanations.pairwise_chrf import medoid
from mentalglm.readers import LabelledRow
from mentalglm.tasks import Task

SEED = 0
# A medoid is sought among so many explanations of a label, drawn by seed: pairs grow with the square.
_CANDIDATES = 300
_BETWEEN = {"zh": "", "en": " "}


@dataclass(frozen=True)
class Template:
    """A constant explanation.

    Attributes:
        text: Its words.
        licenses: Of the rows that it comes from.
    """

    text: str
    licenses: frozenset[str | None]


class Templates:
    """The constant explanations of one task."""

    def __init__(self, train: Sequence[LabelledRow], task: Task) -> None:
        """Takes one from the training rows for each label that has any, and for "none" where a task allows none.

        Rows with one label alone go before those with others beside it.
        """
        self._language = task.language
        self._by_label: dict[str | None, LabelledRow] = {}
        told = [row for row in train if row.explanation]
        for name in [*task.label_names, *([None] if task.many else [])]:
            rows = [row for row in told if (name in row.labels if name else not row.labels)]
            rows = [row for row in rows if len(row.labels) < 2] or rows
            if rows:
                rows = random.Random(f"{SEED}:{name}").sample(rows, min(len(rows), _CANDIDATES))
                self._by_label[name] = rows[medoid([str(row.explanation) for row in rows])]

    def of(self, labels: Sequence[str]) -> Template | None:
        """The template under these labels, those of several one behind the other; None where one has none."""
        names: Sequence[str | None] = labels or [None]
        rows = [self._by_label.get(name) for name in names]
        found = [row for row in rows if row is not None]
        if len(found) < len(rows):
            return None
        words = [str(row.explanation) for row in found]
        return Template(_BETWEEN[self._language].join(words), frozenset(row.license for row in found))
