"""What a task's rows add up to: every score is a formula over these sums, so a resample is one matrix product.

A bootstrap that copies rows costs rows × draws × scores. Here every row becomes a line of counts once, lines of one
group are added, and a thousand resamples are ``weights @ counts``: how often each group was drawn, times what it holds.
Scores of an order (AUROC and its like) fit in too, because they need only a histogram of the scores.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.arrays import Arrays
from eval.explanations.blocks import each_block
from eval.explanations.sums import Block
from mentalglm import metrics
from mentalglm.metrics.calibration import BINS
from mentalglm.tasks import Task

Floats = NDArray[np.float64]
# Beyond so many distinct scores a resample is ranked by quantile bins; the score itself never is.
RANKS = 1024


@dataclass(frozen=True)
class Sums:
    """One line of counts per row.

    Attributes:
        matrix: A sparse matrix of shape ``(rows, columns)``.
        blocks: Which columns mean what: the first column and the shape, by name.
    """

    matrix: Any
    blocks: dict[str, tuple[int, tuple[int, ...]]]

    def read(self, totals: Floats) -> dict[str, Floats]:
        """Totals of shape ``(draws, columns)`` by name, each of shape ``(draws, *shape)``."""
        found = {}
        for name, (start, shape) in self.blocks.items():
            found[name] = totals[:, start : start + int(np.prod(shape))].reshape(len(totals), *shape)
        return found


def block_key(block: Block) -> str:
    """What the sums of a block of explanations' measures are called."""
    return f"explained.{block.name}"


def positives(task: Task) -> list[int]:
    """The labels that form the positive class of the task's binary reading; on a scale, the gravest levels."""
    urgent = task.kind == "ordinal"
    return [i for i, label in enumerate(task.labels) if label.positive or (urgent and label.crisis == "urgent")]


def parents(task: Task) -> list[list[int]]:
    """Of a hierarchy ``parent##child``, the children of each parent."""
    names = [name.split("##")[0] for name in task.label_names]
    return [[i for i, name in enumerate(names) if name == parent] for parent in dict.fromkeys(names)]


def events(arrays: Arrays, task: Task) -> tuple[NDArray[np.bool_], Floats]:
    """What probabilities are judged by: the positive class where the task has one, else every label by itself.

    Returns:
        Whether each event holds, and its probability; both of shape ``(rows, events)``.
    """
    columns = [] if task.many else positives(task)
    if not columns:
        return arrays.gold, arrays.chances
    return _any(arrays.gold, [columns]), arrays.chances[:, columns].sum(1, keepdims=True)


def confidence(arrays: Arrays, task: Task) -> Floats:
    """How sure each answer is: the likeliest label's probability, or the least certain of several labels.

    ``-inf`` where there is no answer: it is the first to be withheld.
    """
    chances = arrays.chances
    sure = np.maximum(chances, 1 - chances).min(1) if task.many else chances.max(1)
    return np.where(np.isnan(sure), -np.inf, sure)


def edges(*scores: Floats, ranks: int | None = RANKS) -> Floats:
    """The distinct scores of several runs, or ``ranks`` of their quantiles where there are more."""
    pooled = np.concatenate([score[np.isfinite(score)] for score in scores])
    values: Floats = np.unique(pooled)
    if ranks is not None and len(values) > ranks:
        values = np.unique(np.quantile(pooled, np.linspace(0, 1, ranks), method="higher"))
    return values


def shared_edges(runs: list[Arrays], task: Task, ranks: int | None = RANKS) -> list[Floats]:
    """The edges of every event's scores, then those of the confidence: runs that are compared need the same."""
    if all(np.isnan(run.chances).all() for run in runs):
        return []
    scores = [events(run, task)[1] for run in runs]
    found = [edges(*(score[:, i] for score in scores), ranks=ranks) for i in range(scores[0].shape[1])]
    return [*found, edges(*(confidence(run, task) for run in runs), ranks=ranks)]


def to_sums(arrays: Arrays, task: Task, cuts: list[Floats]) -> Sums:
    """The rows' lines of counts.

    Args:
        arrays: The rows.
        task: Their task, which says what is counted.
        cuts: What :func:`shared_edges` returned; empty where no probabilities are known.
    """
    from scipy.sparse import csr_matrix, hstack

    rows = len(arrays)
    parts: list[Any] = []
    blocks: dict[str, tuple[int, tuple[int, ...]]] = {}
    width = 0

    def add(name: str, part: Any, *shape: int) -> None:
        nonlocal width
        parts.append(csr_matrix(part, dtype=np.float64))
        blocks[name] = width, shape
        width += int(np.prod(shape))

    def add_class(name: str, gold: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> None:
        read = arrays.answered[:, None]
        add(f"{name}.tp", gold & predicted & read, gold.shape[1])
        add(f"{name}.fp", ~gold & (predicted | ~read), gold.shape[1])
        add(f"{name}.positives", gold, gold.shape[1])

    def add_one(name: str, place: NDArray[Any], *shape: int) -> None:
        """Counts one thing per row, in the column ``place``."""
        add(name, csr_matrix((np.ones(rows), (np.arange(rows), place)), shape=(rows, int(np.prod(shape)))), *shape)

    add("rows", np.ones((rows, 1)))
    add("parsed", arrays.parsed[:, None])
    add("right", arrays.right[:, None])
    add_class("labels", arrays.gold, arrays.predicted)
    if task.many:
        add("sample_f1", metrics.sample_f1_rows(arrays.gold, arrays.predicted, arrays.answered)[:, None])
    if task.kind == "spans":
        add_class("parents", _any(arrays.gold, parents(task)), _any(arrays.predicted, parents(task)))
    if not task.many and positives(task):
        columns = [positives(task)]
        add_class("positive", _any(arrays.gold, columns), _any(arrays.predicted, columns))
    if task.kind == "ordinal":
        gold, levels = arrays.gold.argmax(1), len(task.labels)
        answers = np.where(arrays.answered, arrays.predicted.argmax(1), metrics.UNPARSED)
        add_one("levels", gold * levels + metrics.farthest(gold, answers, levels), levels, levels)
    for name, characters in (("evidence", arrays.evidence), ("labelled_evidence", arrays.labelled_evidence)):
        if not np.isnan(characters).all():
            add(name, np.nan_to_num(characters), 3)
    for block, explained in each_block(arrays.explained):
        add(block_key(block), np.nan_to_num(explained), block.width)
    if cuts:
        gold, chances = events(arrays, task)
        sure = metrics.surely_wrong(gold, chances)
        add("squared_error", ((sure - gold) ** 2).mean(1, keepdims=True))
        add("reliability", _bins(gold, sure), 3, BINS)
        for i, edge in enumerate(cuts[:-1]):
            add_one(f"ranked.{i}", _place(gold[:, i], chances[:, i], edge), 2, len(edge) + 2)
        add_one("answers", _place(arrays.right, confidence(arrays, task), cuts[-1]), 2, len(cuts[-1]) + 2)
    return Sums(hstack(parts, format="csr"), blocks)


def _any(held: NDArray[np.bool_], columns: list[list[int]]) -> NDArray[np.bool_]:
    """Whether any label of each set of columns holds, shape ``(rows, sets)``."""
    return np.stack([held[:, each].any(axis=1) for each in columns], axis=1)


def _place(gold: NDArray[np.bool_], score: Floats, edge: Floats) -> NDArray[np.int64]:
    """The column of each row in a histogram of shape ``(2, bins)``: positives and negatives, the highest score first.

    The first and the last bin are for what ranks above or below all scores: answers that could not be read.
    """
    bins = len(edge) + 2
    up = np.searchsorted(edge, score) + 1
    up = np.where(np.isnan(score), np.where(gold, 0, bins - 1), np.where(np.isneginf(score), 0, up))
    return np.where(gold, 0, bins) + bins - 1 - up


def _bins(gold: NDArray[np.bool_], chances: Floats) -> Any:
    """Per row what it adds to the reliability bins, a sparse matrix of shape ``(rows, 3 * BINS)``."""
    from scipy.sparse import csr_matrix

    rows, labels = gold.shape
    place = np.clip((chances * BINS).astype(int), 0, BINS - 1).ravel()
    values = np.concatenate([np.ones(rows * labels), chances.ravel(), gold.ravel()])
    row = np.tile(np.repeat(np.arange(rows), labels), 3)
    column = np.concatenate([place, place + BINS, place + 2 * BINS])
    return csr_matrix((values, (row, column)), shape=(rows, 3 * BINS))
