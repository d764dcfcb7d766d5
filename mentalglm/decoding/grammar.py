"""The grammar an answer is decoded under once its labels are known: it admits no quotation the post doesn't hold."""

import json
import re

from mentalglm.answer import CLOSE, MARKS, OPEN
from mentalglm.tasks import Task

MIN_SPAN_CHARACTERS, MAX_SPAN_CHARACTERS = 2, 60
MAX_SPANS_PER_LABEL = 3


def answer_grammar(post: str, labels: list[str], task: Task, style: str, reason: bool = True) -> str:
    """A llguidance (Lark-like) grammar for everything behind the first sentence.

    The quotation marks and the words between them share one terminal. As its own terminal the words could not end
    before 。、「, because these share their first UTF-8 bytes with 」 and the lexer looks no further back.

    Args:
        post: The text that may be quoted.
        labels: The labels decided on, in the order of the first sentence.
        task: The task asked.
        style: The style asked in.
        reason: Whether the reason is wanted too, not the evidence alone.

    Returns:
        The grammar's text; its language is ``依据：…。理由：…`` in the style's words, of the post's own substrings.
    """
    template = task.styles[style]
    longest = max(map(len, re.split(f"[{OPEN}{CLOSE}\n]", post)))
    # One character alone is no evidence, but a post without two in a row may be quoted as it is.
    quotable, shortest = longest > 0, min(longest, MIN_SPAN_CHARACTERS)
    parts = []
    if template.evidence is not None:
        parts += [
            _literal(template.evidence),
            _evidence(labels, quotable, task, style),
            _literal(MARKS[task.language].end),
        ]
    gap = " " if task.language == "en" else ""
    if reason:
        parts += [_literal(gap + template.reason + gap), "REASON"]
    plain = f"/[^{OPEN}{CLOSE}\\n]/"
    begin = f"/[^{OPEN}{CLOSE}\\s]/"
    lines = ["start: " + " ".join(parts)]
    if quotable:
        lines += [
            f'QUOTE: "{OPEN}" SPAN "{CLOSE}"',
            f"SPAN: SUBSTRING & /[^{OPEN}{CLOSE}\\n]{{{shortest},{MAX_SPAN_CHARACTERS}}}/",
            f'SUBSTRING: %regex {{ "substring_chars": {json.dumps(post, ensure_ascii=False)} }}',
            f"WORDS: SUBSTRING & /[^{OPEN}{CLOSE}\\n]{{1,{MAX_SPAN_CHARACTERS}}}/",
            f'REASON: ({begin} | "{OPEN}" WORDS "{CLOSE}") ({plain} | "{OPEN}" WORDS "{CLOSE}")*',
        ]
    else:
        lines.append(f"REASON: {begin} {plain}*")
    return "\n".join(lines) + "\n"


def _evidence(labels: list[str], quotable: bool, task: Task, style: str) -> str:
    marks, some = MARKS[task.language], f"QUOTE{{1,{MAX_SPANS_PER_LABEL}}}"
    nothing = _literal(marks.nothing)
    if not quotable or (task.many and not labels):
        return nothing
    if not task.many:
        return f"({nothing} | {some})"
    items = [f"{_literal(task.surface(style, name))} {some}" for name in labels]
    return f" {_literal(marks.between)} ".join(items)


def _literal(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
