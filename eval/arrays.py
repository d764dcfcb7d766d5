"""The lines of samples.jsonl as arrays."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mentalglm.tasks import Task


@dataclass(frozen=True)
class Arrays:
    """A run's samples of one task as arrays, one entry per row.

    Attributes:
        ids: What each row is called.
        row: The row's number in the data file.
        groups: What belongs together: rows of one group are no independent evidence.
        documents: The hash of each post.
        lengths: Its characters, ``nan`` where the run did not keep their number.
        languages: Its language as :func:`eval.columns.language` tells it, empty where the run did not keep it.
        gold: Whether each label holds, shape ``(rows, labels)``.
        predicted: Whether the answer says so, same shape; all False where there is none.
        parsed: Whether the answer could be read, shape ``(rows,)``.
        answered: Whether it also decided: an abstention is no prediction, and so no "negative" either.
        abstained: Whether it declined to decide.
        chances: Each label's probability, ``nan`` where there is none, shape ``(rows, labels)``.
        evidence: Characters right, predicted and gold, shape ``(rows, 3)``, ``nan`` where evidence is not judged.
        labelled_evidence: The same, where a character counts only with its label.
        explained: The sums of explanations' measures, see :mod:`eval.explanations.blocks`; shape ``(rows, 0)`` where
            the model was not asked for explanations.
    """

    ids: NDArray[np.str_]
    row: NDArray[np.int64]
    groups: NDArray[np.str_]
    documents: NDArray[np.str_]
    lengths: NDArray[np.float64]
    languages: NDArray[np.str_]
    gold: NDArray[np.bool_]
    predicted: NDArray[np.bool_]
    parsed: NDArray[np.bool_]
    answered: NDArray[np.bool_]
    abstained: NDArray[np.bool_]
    chances: NDArray[np.float64]
    evidence: NDArray[np.float64]
    labelled_evidence: NDArray[np.float64]
    explained: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, chosen: NDArray[Any]) -> "Arrays":
        """The rows chosen by index or mask."""
        return Arrays(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each answer is exactly right."""
        right: NDArray[np.bool_] = (self.gold == self.predicted).all(1) & self.answered
        return right


def to_arrays(samples: list[dict[str, Any]], task: Task) -> Arrays:
    """Turns lines of samples.jsonl into arrays; labels in the task's canonical order."""
    names = task.label_names
    answered = np.array([_answered(sample, task) for sample in samples], bool)
    chances = [[(sample["probabilities"] or {}).get(name) for name in names] for sample in samples]
    unknown = np.where(answered, 0.0, np.nan)[:, None]
    return Arrays(
        ids=np.array([sample["id"] for sample in samples], str),
        row=np.array([sample["row"] for sample in samples], int),
        groups=np.array([sample["group"] for sample in samples], str),
        documents=np.array([sample.get("text_sha256") or "" for sample in samples], str),
        lengths=np.array([sample.get("length", np.nan) for sample in samples], float),
        languages=np.array([sample.get("language", "") for sample in samples], str),
        gold=_sets([sample["gold"] for sample in samples], names),
        predicted=_sets([sample["labels"] for sample in samples], names) & answered[:, None],
        parsed=np.array([sample["parsed"] for sample in samples], bool),
        answered=answered,
        abstained=np.array([sample["abstained"] for sample in samples], bool),
        chances=np.array(chances, float).reshape(len(samples), len(names)) + unknown,
        evidence=_characters(samples, labelled=False),
        labelled_evidence=_characters(samples, labelled=True) + (0.0 if task.many else np.nan),
        explained=np.empty((len(samples), 0)),
    )


def join(parts: list[Arrays], with_evidence: bool) -> Arrays:
    """Puts the parts of a task one behind the other.

    Args:
        parts: At least one.
        with_evidence: Whether the model was asked for evidence.
    """
    joined = Arrays(**{field.name: np.concatenate([getattr(p, field.name) for p in parts]) for field in fields(Arrays)})
    # Evidence that no row of the file carries was never annotated: an empty list everywhere is not "no evidence".
    if not with_evidence or not np.nansum(joined.evidence[:, 2]) > 0:
        joined.evidence[:] = joined.labelled_evidence[:] = np.nan
    return joined


def _answered(sample: dict[str, Any], task: Task) -> bool:
    return bool(sample["parsed"] and (sample["labels"] or (task.many and not sample["abstained"])))


def _sets(labels: list[list[str]], names: list[str]) -> NDArray[np.bool_]:
    places = {name: place for place, name in enumerate(names)}
    sets = np.zeros((len(labels), len(names)), bool)
    for row, given in enumerate(labels):
        for label in given:
            if label in places:
                sets[row, places[label]] = True
    return sets


def _characters(samples: list[dict[str, Any]], labelled: bool) -> NDArray[np.float64]:
    counts = np.full((len(samples), 3), np.nan)
    for row, sample in enumerate(samples):
        if sample["gold_evidence"] is not None:
            gold, predicted = (_marked(sample[key], labelled) for key in ("gold_evidence", "evidence"))
            counts[row] = len(gold & predicted), len(predicted), len(gold)
    return counts


def _marked(spans: list[dict[str, Any]], labelled: bool) -> set[tuple[int, str | None]]:
    return {(at, span["label"] if labelled else None) for span in spans for at in range(span["start"], span["end"])}
