"""From a record to what a model is taught: question and answer, with the labels in a seeded random order."""

import random

from instructions.records import Record, Span
from mentalglm.answer import Answer, Quote
from mentalglm.prompt import build_messages, render_turns
from mentalglm.tasks import Task, load_task
from mentalglm.text_checks import gives_advice, names_level


def answer_of(record: Record, task: Task, seed: int) -> Answer:
    """The answer to be learned.

    Labels of multi-label and span tasks come in a random order, fixed by ``seed`` and the record's id, so that which
    label comes first carries the model's belief and not the order of a list. Quotes follow the labels' order, except in
    span tasks, where they follow the post. Evidence is left out where labels have none marked.
    """
    labels = list(record.labels)
    if task.many:
        random.Random(f"{seed}:{record.id}").shuffle(labels)
    text = record.text or ""
    spans = sorted(record.evidence, key=lambda span: _place(span, labels, task))
    quotes = tuple(dict.fromkeys(Quote(text[span.start : span.end], span.label) for span in spans))
    unmarked = task.many and labels and not quotes
    return Answer(tuple(labels), None if unmarked else quotes, record.explanation)


def messages_of(record: Record, style: str, seed: int) -> list[dict[str, str]]:
    """The two messages of one instruction.

    Raises:
        ValueError: The style cannot express the answer.
    """
    task = load_task(record.task)
    text = record.text if record.text is not None else render_turns([turn.model_dump() for turn in record.turns or []])
    return build_messages(text, task, style, answer_of(record, task, seed))


def unfit_explanation(record: Record) -> str | None:
    """Why the explanation must not be taught, or None: it advises, or tells the level where only the risk is asked."""
    if record.explanation is None:
        return None
    if gives_advice(record.explanation):
        return "the explanation gives advice"
    if record.task == "suicide_risk" and names_level(record.explanation):
        return "the explanation names the level"
    return None


def _place(span: Span, labels: list[str], task: Task) -> tuple[int, int, int]:
    by_label = task.kind == "multi" and span.label in labels
    return (labels.index(span.label) if by_label and span.label else 0, span.start, span.end)
