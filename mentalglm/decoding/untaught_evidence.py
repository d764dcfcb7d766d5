"""Evidence from a model that was never taught to give any: a second, short pass behind the labels it decided on.

The labels' sentence is continued with the words that open evidence elsewhere, under the same grammar of the post's own
words. What such a model quotes is really in the post; whether it carries the label, ``faithfulness`` tells.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from mentalglm.answer import Quote, parse_answer, render_head
from mentalglm.decoding.generate import Row, Writer
from mentalglm.decoding.grammar import answer_grammar
from mentalglm.decoding.merge import WindowAnswer
from mentalglm.decoding.reading import Reading
from mentalglm.tasks import Task

MAX_EVIDENCE_TOKENS = 192
_OPENING = {"zh": "依据：", "en": "Evidence: "}


def is_untaught(task: Task, style: str) -> bool:
    """Whether answers in ``style`` have no place for evidence."""
    return task.styles[style].evidence is None


def with_evidence(task: Task, style: str) -> Task:
    """``task``, where answers in ``style`` quote their evidence behind the labels."""
    opened = task.styles[style].model_copy(update={"evidence": _OPENING[task.language]})
    return task.model_copy(update={"styles": {**task.styles, style: opened}})


def evidence_row(answer: WindowAnswer, task: Task, style: str, encode: Callable[[str], list[int]], place: int) -> Row:
    """What is to be written behind the labels of ``answer``, in the task that :func:`with_evidence` gives."""
    labels = list(answer.answer.labels) if answer.answer else []
    grammar = answer_grammar(answer.text, labels, task, style, reason=False)
    return Row(grammar, encode(_head(labels, task, style)), task.styles[style].reason, place)


def quote_evidence(
    answers: dict[int, WindowAnswer],
    batches: Iterator[tuple[Reading, list[Row]]],
    at_once: int,
    writer: Writer,
    decode: Callable[[list[int]], str],
    task: Task,
    style: str,
) -> Iterator[tuple[int, WindowAnswer]]:
    """The answers of the rows' places, with evidence.

    Args:
        answers: By place.
        batches: Prompts that have been read, and their rows as :func:`evidence_row` makes them.
        at_once: How many rows are written at a time.
        writer: Writes them.
        decode: Token ids to text.
        task: As :func:`with_evidence` gives it.
        style: The style asked in.
    """
    for row in writer.write(batches, at_once):
        said = answers[row.place].answer
        assert said is not None
        read = parse_answer(_head(list(said.labels), task, style) + decode(row.written), task, style)
        evidence: tuple[Quote, ...] = (read.evidence if read is not None else None) or ()
        yield row.place, replace(answers[row.place], answer=replace(said, evidence=evidence))


def _head(labels: list[str], task: Task, style: str) -> str:
    return render_head(tuple(labels), task, style) + (" " if task.language == "en" else "")
