"""From a record to what a model is taught: question and answer, with the labels in a seeded random order."""

import random

from instructions.records import Record, Span
from mentalglm.answer import Answer, Quote, parse_answer
from mentalglm.prompt import build_messages, render_turns
from mentalglm.tasks import Task, load_task


def answer_of(record: Record, task: Task, style: str, seed: int, evidence_marked: bool = True) -> Answer:
    """The answer to be learned.

    Labels of multi-label and span tasks come in a random order, fixed by ``seed`` and the record's id, so that which
    label comes first carries the model's belief and not the order of a list. Quotes follow the labels' order, except in
    span tasks, where they follow the post. Evidence is left out where nobody marked it and where the style has none.
    """
    labels = list(record.labels)
    if task.many:
        random.Random(f"{seed}:{record.id}").shuffle(labels)
    text = record.text or ""
    spans = sorted(record.evidence, key=lambda span: _place(span, labels, task))
    quotes = tuple(dict.fromkeys(Quote(text[span.start : span.end], span.label) for span in spans))
    unmarked = not evidence_marked or (task.many and labels)
    told = task.styles[style].evidence is not None and bool(quotes or not unmarked)
    return Answer(tuple(labels), quotes if told else None, record.explanation)


def messages_of(
    record: Record, style: str, seed: int, evidence_marked: bool = True, phrasing: int = 0
) -> list[dict[str, str]]:
    """The two messages of one instruction.

    Args:
        record: The record.
        style: The wanted style; a task that lacks it is worded in its default.
        seed: Decides the order of the labels.
        evidence_marked: Whether an empty list of evidence means that there is none.
        phrasing: Which wording of the question: 0 is the canonical one, the others are the style's variants.

    Raises:
        ValueError: The style cannot express the answer.
    """
    task = load_task(record.task)
    style = task.style_in(style)
    answer = answer_of(record, task, style, seed, evidence_marked)
    return build_messages(text_of(record), task, style, answer, phrasing)


def reads_back(record: Record, style: str, seed: int, evidence_marked: bool = True) -> bool:
    """Whether the instruction's answer, parsed, has the record's labels, evidence and explanation."""
    task = load_task(record.task)
    style = task.style_in(style)
    try:
        reply = messages_of(record, style, seed, evidence_marked)[-1]["content"]
    except ValueError:
        return False
    return parse_answer(reply, task, style) == answer_of(record, task, style, seed, evidence_marked)


def text_of(record: Record) -> str:
    """What stands in the question: the post, or the conversation as text."""
    if record.text is not None:
        return record.text
    return render_turns([{"role": turn.role, "content": turn.content} for turn in record.turns or []])


def _place(span: Span, labels: list[str], task: Task) -> tuple[int, int, int]:
    by_label = task.kind == "multi" and span.label in labels
    return (labels.index(span.label) if by_label and span.label else 0, span.start, span.end)
