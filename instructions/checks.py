"""What a record must satisfy beyond its form; every problem is a reason without a word of the text."""

from instructions.records import Record, Span
from instructions.split import split_of
from mentalglm.tasks import Task, load_task, task_names
from mentalglm.text_checks import (
    contradicts_label,
    gives_advice,
    gives_diagnosis,
    misquoted_words,
    names_level,
    repeats_itself,
    unquoted_words,
)

# Chinese evidence is decoded under a limit of 60 characters; English words are longer.
SPAN_LENGTH = {"zh": range(2, 61), "en": range(2, 301)}
# What our own guide asks of an explanation, and what is bearable in those of others.
GUIDE_LENGTH = range(24, 131)
EXPLANATION_LENGTH = {"zh": range(8, 801), "en": range(20, 3001)}
# A span may be the whole post only where the post is this short.
SHORT_POST = 25
# The sources written under our guide; their split is a hash of the group (a test set is test as a whole).
GUIDED_SOURCES = ("open-corpus",)


def problems(record: Record) -> list[str]:
    """Everything that is wrong with ``record``; empty where nothing is."""
    if record.task not in task_names():
        return [f"unknown task {record.task!r}"]
    task = load_task(record.task)
    found = _label_problems(record.labels, task)
    for number, span in enumerate(record.evidence):
        found += [f"evidence {number}: {reason}" for reason in _span_problems(span, record, task)]
    for annotation in record.annotations:
        found += [f"annotator {annotation.annotator}: {reason}" for reason in _label_problems(annotation.labels, task)]
    if record.language != task.language:
        found.append(f"language {record.language!r} is not the task's, {task.language!r}")
    if (record.turns is not None) != (task.input == "conversation"):
        found.append(f"the task takes a {task.input}")
    if (record.explanation is None) != (record.explanation_by == "none"):
        found.append(f"explanation_by {record.explanation_by!r} does not fit the explanation")
    return found + (_guide_problems(record) if record.source in GUIDED_SOURCES else [])


def explanation_fault(record: Record) -> str | None:
    """Why the explanation must not be taught, or None: it is unsound in itself, of its post or of its labels."""
    words, post, task = record.explanation, record.text, load_task(record.task)
    if words is None:
        return None
    if len(words) not in EXPLANATION_LENGTH[record.language]:
        return "the explanation is too short or too long"
    if gives_advice(words):
        return "the explanation gives advice"
    if gives_diagnosis(words):
        return "the explanation gives a diagnosis"
    if record.task == "suicide_risk" and names_level(words):
        return "the explanation names the level"
    # Our guide keeps 「」 for the post's words, which is checked above, and “” for a manner of speaking.
    if record.source not in GUIDED_SOURCES and post is not None and misquoted_words(words, post, task):
        return "the explanation quotes words that are not in the post"
    if contradicts_label(words, record.labels, task):
        return "the explanation contradicts the label"
    if repeats_itself(words):
        return "the explanation repeats itself"
    return None


def _guide_problems(record: Record) -> list[str]:
    found = []
    if record.explanation is not None and len(record.explanation) not in GUIDE_LENGTH:
        found.append(f"explanation of {len(record.explanation)} characters (allowed: 24 to 130)")
    if record.explanation is not None and record.text is not None:
        strange = unquoted_words(record.explanation, record.text)
        if strange:
            found.append(f"the explanation quotes words that are not in the text ({len(strange)})")
    if record.split != split_of(record.group):
        found.append(f"split {record.split!r} is not that of group {record.group!r}, {split_of(record.group)!r}")
    return found


def _label_problems(labels: list[str], task: Task) -> list[str]:
    unknown = [label for label in labels if label not in task.label_names]
    if unknown:
        return [f"label {label!r} is not one of {task.name}" for label in unknown]
    if not task.many and len(labels) != 1:
        return [f"{len(labels)} labels where {task.name} takes one"]
    if labels != [name for name in task.label_names if name in labels]:
        return ["labels are repeated or not in the task's order"]
    return []


def _span_problems(span: Span, record: Record, task: Task) -> list[str]:
    if record.text is None:
        return ["a conversation has no evidence"]
    found = []
    if not 0 <= span.start < span.end <= len(record.text):
        return [f"offsets {span.start}–{span.end} lie outside the text of {len(record.text)} characters"]
    words = record.text[span.start : span.end]
    allowed = SPAN_LENGTH[record.language]
    if len(words) not in allowed:
        found.append(f"{len(words)} characters (allowed: {allowed.start} to {allowed.stop - 1})")
    if words == record.text and len(record.text) >= SHORT_POST:
        found.append("the whole post")
    if any(mark in words for mark in "「」\n"):
        found.append("holds 「, 」 or a line break")
    if task.many and span.label not in record.labels:
        found.append(f"label {span.label!r} is not among the record's labels")
    if not task.many and span.label is not None:
        found.append(f"label {span.label!r} where {task.name} takes null")
    return found
