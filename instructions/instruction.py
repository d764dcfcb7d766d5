"""The instruction: one row of a built corpus, and what the data card counts of it."""

from dataclasses import dataclass

from instructions.gather import Dialogue
from instructions.instruct import messages_of
from instructions.mixture import Drawn

COLUMNS = ("id", "messages", "task", "source", "split", "weight")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One row of the output, with what the data card needs and the row itself doesn't hold.

    Attributes:
        id: Unique in the corpus.
        messages: Question and answer, or a whole dialogue.
        task: The task; ``dialogue`` where the row is one.
        source: Where the post comes from.
        split: ``train`` or ``validation``.
        weight: Factor of its loss.
        language: The language of the post.
        licence: That of the post.
        key: What the post is known by; empty for dialogue.
        labels: The labels.
        explained: Whether the answer has an explanation.
        assumed: Whether nobody checked the labels.
        repeat: 0, or how many times the pair of post and task was asked about before.
        label_only_copy: 0, or the number of a copy that asks for labels alone.
        masked: The kinds of personal data that were masked in it.
    """

    id: str
    messages: list[dict[str, str]]
    task: str
    source: str
    split: str
    weight: float
    language: str
    licence: str
    key: str = ""
    labels: tuple[str, ...] = ()
    explained: bool = False
    assumed: bool = False
    repeat: int = 0
    label_only_copy: int = 0
    masked: tuple[str, ...] = ()

    def cells(self) -> dict[str, object]:
        """The row as it is written."""
        return {name: getattr(self, name) for name in COLUMNS}


def instruction_of(drawn: Drawn, style: str, seed: int, label_only_weight: float, whole: bool = True) -> Instruction:
    """The instruction of a drawn row; asked about again, it gets an id and an order of labels of its own.

    Args:
        drawn: The row.
        style: In which style it is worded.
        seed: Decides the order of the labels.
        label_only_weight: The weight where a whole answer lacks an explanation.
        whole: Whether answers are more than their labels.
    """
    row = drawn.row
    copy, repeat = drawn.label_only_copy, drawn.repeat
    behind = f"#labels-{copy}" if copy else f"#{repeat + 1}" if repeat else ""
    record = row.record.model_copy(update={"id": row.record.id + behind})
    evidence_marked = row.evidence_marked
    if copy or not whole:
        record, evidence_marked = record.model_copy(update={"evidence": [], "explanation": None}), False
    explained = record.explanation is not None
    return Instruction(
        id=record.id,
        messages=messages_of(record, style, seed, evidence_marked, drawn.phrasing),
        task=record.task,
        source=record.source,
        split=record.split,
        weight=1.0 if explained or not whole else label_only_weight,
        language=record.language,
        licence=record.license,
        key=row.key,
        labels=tuple(record.labels),
        explained=explained,
        assumed=row.assumed,
        repeat=drawn.repeat,
        label_only_copy=drawn.label_only_copy,
        masked=row.masked,
    )


def dialogue_of(dialogue: Dialogue, language: str) -> Instruction:
    """A dialogue as a row: nothing of it is asked and answered, all of it may be learned."""
    return Instruction(
        id=dialogue.id,
        messages=dialogue.turns,
        task="dialogue",
        source=dialogue.source,
        split="train",
        weight=1.0,
        language=language,
        licence=dialogue.licence,
    )
