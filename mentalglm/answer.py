"""The answer a model writes: a typed :class:`Answer`, its one renderer and its one parser.

In the ``grounded`` style an answer reads, label first, then the quoted evidence, then the reason::

    这篇帖子体现了先知错误、乱贴标签的认知歪曲。依据：先知错误「永远不会好了」；乱贴标签「我就是个废物」。理由：……

The parser is strict about the labels, which decide everything, and forgiving about the rest: evidence that breaks the
form is dropped, but a label is only read from the first sentence, never from the explanation.
"""

import re
from dataclasses import dataclass

from mentalglm.tasks import Style, Task

OPEN, CLOSE = "「", "」"
QUOTE = re.compile("「([^「」\n]+)」")
# Published checkpoints separate labels in several ways; all are read.
_SEPARATORS = ("、", ", ", "，", ",")


@dataclass(frozen=True)
class Marks:
    """What stands between, behind and instead of quoted evidence in a language."""

    between: str
    end: str
    nothing: str


MARKS = {"zh": Marks("；", "。", "无"), "en": Marks("; ", ".", "none")}


@dataclass(frozen=True)
class Quote:
    """Words of the post, and the label they carry (None in single-label and ordinal tasks)."""

    text: str
    label: str | None = None


@dataclass(frozen=True)
class Answer:
    """What a model says about one post for one task.

    Attributes:
        labels: The labels, in the order written.
        evidence: The quoted words, in the order written; None where the answer leaves evidence out.
        explanation: The reason; None where the answer leaves it out.
    """

    labels: tuple[str, ...]
    evidence: tuple[Quote, ...] | None = None
    explanation: str | None = None


def render_answer(answer: Answer, task: Task, style: str) -> str:
    """Writes ``answer`` in ``style``; :func:`parse_answer` reads the same answer back.

    Raises:
        ValueError: The style cannot express the answer: a label the task lacks, none where one is needed, evidence in
            a style without, a quoted text that is empty or holds 「, 」 or a line break, or a blank-edged explanation.
    """
    template = task.styles[style]
    parts = [render_head(answer.labels, task, style)]
    if answer.evidence is not None:
        parts.append(_render_evidence(answer, task, style))
    if answer.explanation is not None:
        if not answer.explanation or answer.explanation != answer.explanation.strip():
            raise ValueError("an explanation must not be empty nor begin or end with white space")
        parts.append(_gap(task).join([template.reason, answer.explanation]))
    return _gap(task).join(parts)


def render_head(labels: tuple[str, ...], task: Task, style: str) -> str:
    """The first sentence of an answer: the one that carries ``labels``."""
    template = task.styles[style]
    unknown = set(labels) - set(task.label_names)
    if unknown or len(set(labels)) < len(labels) or (not task.many and len(labels) != 1):
        raise ValueError(f"{task.name} ({task.kind}) cannot be answered with {labels!r}")
    if not labels:
        return template.none or ""
    return template.head.replace("{labels}", template.separator.join(task.surface(style, name) for name in labels))


def parse_answer(text: str, task: Task, style: str) -> Answer | None:
    """Reads a model's text.

    Args:
        text: Anything; nothing in it raises.
        task: The task that was asked.
        style: The style it was asked in.

    Returns:
        The answer, or None where the first sentence names no labels of the task in the style's form: a parse failure,
        which is never a class and never "no risk".
    """
    template = task.styles[style]
    text = text.strip()
    read = _read_head(text, task, style)
    if read is None:
        return None
    labels, position = read
    position = _skip_space(text, position)
    evidence: tuple[Quote, ...] | None = None
    if template.evidence is not None and text.startswith(template.evidence, position):
        evidence, position = _read_evidence(text, position + len(template.evidence), labels, task, style)
        position = _skip_space(text, position)
        if not text.startswith(template.reason, position):
            position = max(text.find(template.reason, position), position)
    explanation = None
    if text.startswith(template.reason, position):
        explanation = text[position + len(template.reason) :].strip() or None
    return Answer(labels, evidence, explanation)


def _gap(task: Task) -> str:
    """English puts a space between sentences; Chinese does not."""
    return " " if task.language == "en" else ""


def _render_evidence(answer: Answer, task: Task, style: str) -> str:
    template: Style = task.styles[style]
    marks = MARKS[task.language]
    if template.evidence is None or answer.evidence is None:
        raise ValueError(f"style {style!r} has no evidence")
    if not answer.evidence:
        return template.evidence + marks.nothing + marks.end
    written, last = template.evidence, None
    for number, quote in enumerate(answer.evidence):
        if not QUOTE.fullmatch(OPEN + quote.text + CLOSE):
            raise ValueError("quoted evidence must not be empty nor hold 「, 」 or a line break")
        if (quote.label is not None) != task.many or (task.many and quote.label not in answer.labels):
            raise ValueError(f"evidence for {quote.label!r} does not fit the labels {answer.labels!r}")
        if quote.label is not None and (number == 0 or quote.label != last):
            written += (marks.between if number else "") + task.surface(style, quote.label)
        written += OPEN + quote.text + CLOSE
        last = quote.label
    return written + marks.end


def _read_head(text: str, task: Task, style: str) -> tuple[tuple[str, ...], int] | None:
    """The labels of the first sentence and the offset behind it."""
    template = task.styles[style]
    if template.none and text.startswith(template.none):
        return (), len(template.none)
    before, after = template.head.split("{labels}")
    if not text.startswith(before):
        return None
    surfaces = _surfaces(task, style)
    labels: list[str] = []
    position = len(before)
    while True:
        found = next(
            (s for s in surfaces if text.startswith(s, position) and _ends(text, position + len(s), after)), None
        )
        if found is None:
            return None
        if surfaces[found] not in labels:
            labels.append(surfaces[found])
        position += len(found)
        if text.startswith(after, position):
            break
        if not task.many:
            return None
        position += len(next(s for s in _SEPARATORS if text.startswith(s, position)))
    return tuple(labels), position + len(after)


def _surfaces(task: Task, style: str) -> dict[str, str]:
    """Every way a label may be written, longest first, with the label it stands for."""
    ways = {alias: label.name for label in task.labels for alias in label.aliases}
    ways |= {task.surface(style, name): name for name in task.label_names}
    return dict(sorted(ways.items(), key=lambda way: -len(way[0])))


def _ends(text: str, position: int, after: str) -> bool:
    return text.startswith(after, position) or text.startswith(_SEPARATORS, position)


def _read_evidence(
    text: str, position: int, labels: tuple[str, ...], task: Task, style: str
) -> tuple[tuple[Quote, ...], int]:
    """The quotes behind ``依据：`` and the offset where reading stopped; what breaks the form ends the reading."""
    quotes: list[Quote] = []
    surfaces, marks = _surfaces(task, style), MARKS[task.language]
    label: str | None = None
    while True:
        if task.many:
            named = next((s for s in surfaces if text.startswith(s + OPEN, position)), None)
            if named is not None:
                label, position = surfaces[named], position + len(named)
        match = QUOTE.match(text, position)
        if match is None:
            break
        if not task.many or label in labels:
            quotes.append(Quote(match.group(1), label))
        position = match.end()
        if text.startswith(marks.between, position):
            position += len(marks.between)
    if not quotes and text.startswith(marks.nothing, position):
        position += len(marks.nothing)
    if text.startswith(marks.end, position):
        position += len(marks.end)
    return tuple(quotes), position


def _skip_space(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position
