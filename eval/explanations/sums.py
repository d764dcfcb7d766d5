"""How a measure of explanations is written: a line of sums per row, and a formula over their totals.

Every score of an explanation is told as what its rows add up to, so that the bootstrap of the labels' scores
(:mod:`eval.sums`: whole groups are drawn, a draw is a matrix product) gives its intervals too, and so that runs are
compared by it. BLEU is of this kind: a corpus's n-gram matches and lengths, one formula at the end. A mean is
``[value, 1]`` per row and their ratio.

A measure that is new takes one :class:`Block` in one of the lists that :data:`eval.explanations.blocks.BLOCKS` is made
of, and its names in :mod:`eval.explanations.wording`::

    def rows(samples: Sequence[Sample], task: Task) -> Floats:
        return np.array([[len(s["explanation"]), 1] if explained(s) else [np.nan, np.nan] for s in samples])

    LENGTH = Block("length", 2, rows, lambda totals: {"length": ratio(totals[:, 0], totals[:, 1])})

Then ``scores.json`` has, for every task, ``"explanations": {"length": {"value", "low", "high", "bca"}}``; ``template``
in the place of ``explanations`` for blocks of that group. A block whose rows are all ``nan`` was not measured: its name
stands under ``not_measured`` with the word for what it lacked, such as ``{"bert_score": "bert_score"}``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mentalglm.metrics.sums import Floats, ratio
from mentalglm.tasks import Task

Sample = dict[str, Any]  # a line of samples.jsonl
Group = Literal["explanations", "template"]


@dataclass(frozen=True)
class Block:
    """Measures that share their sums, such as precision and recall.

    Attributes:
        name: What the block is called; its own alone, and no measure's name unless it has but one.
        width: How many sums a row has.
        rows: From all samples of a task to their sums, shape ``(samples, width)``; ``nan`` throughout a row that
            is not judged. Must not need the model that was evaluated.
        formula: From totals of shape ``(draws, width)`` to the measures by name, each of shape ``(draws,)``; ``nan``
            where undefined (:func:`mentalglm.metrics.sums.ratio`). Its names must not depend on the totals.
        needs: What is lacking where no row can be judged; a key of :data:`eval.explanations.wording.LACKING`.
        group: Where the values stand: the model's own, or those of the constant template beside it.
        language: The language of the tasks it is for; None for all.
    """

    name: str
    width: int
    rows: Callable[[Sequence[Sample], Task], Floats]
    formula: Callable[[Floats], dict[str, Floats]]
    needs: str = "explanation"
    group: Group = "explanations"
    language: str | None = None

    @property
    def names(self) -> list[str]:
        """The names of its measures."""
        return list(self.formula(np.zeros((1, self.width))))


def explained(sample: Sample) -> bool:
    """Whether the run holds an explanation of this row, by the model."""
    return bool((sample.get("explanation") or "").strip())


def referred(sample: Sample) -> bool:
    """Whether the row can be held against a reference.

    Where the reference was kept, the model's words were too: an explanation that is missing then was never written. It
    is an empty one, and scores what an empty one scores.
    """
    return bool((sample.get("gold_explanation") or "").strip())


def mean_block(
    name: str,
    value: Callable[[Sample, Task], float | None],
    needs: str = "explanation",
    group: Group = "explanations",
) -> Block:
    """A measure that is the mean of one number per row.

    Args:
        name: The measure's name.
        value: A row's number; None where it is not judged.
        needs: See :class:`Block`.
        group: See :class:`Block`.
    """

    def rows(samples: Sequence[Sample], task: Task) -> Floats:
        values = [value(sample, task) for sample in samples]
        return np.array([(np.nan, np.nan) if x is None else (x, 1.0) for x in values], float).reshape(-1, 2)

    return Block(name, 2, rows, lambda totals: {name: ratio(totals[:, 0], totals[:, 1])}, needs, group)
