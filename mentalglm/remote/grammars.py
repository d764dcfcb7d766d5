"""Grammars for whole replies: an endpoint writes an answer from its first word."""

import json
from collections.abc import Sequence

from mentalglm.answer import render_head
from mentalglm.decoding.grammar import answer_grammar
from mentalglm.tasks import Task


def whole_answer_grammar(post: str, labels: Sequence[str], task: Task, style: str, reason: bool = True) -> str:
    """A Lark grammar of whole answers: the first sentence with ``labels``, then what `answer_grammar` admits."""
    gap = " " if task.language == "en" and task.styles[style].evidence is not None else ""
    head = _literal(render_head(tuple(labels), task, style) + gap)
    start, _, rest = answer_grammar(post, list(labels), task, style, reason).partition("start: ")
    return f"{start}start: {head} {rest}"


def head_grammar(task: Task, style: str) -> str:
    """A Lark grammar of first sentences, with any labels that the task allows."""
    template = task.styles[style]
    before, after = map(_literal, template.head.split("{labels}"))
    label = "(" + " | ".join(_literal(task.surface(style, name)) for name in task.label_names) + ")"
    if not task.many:
        return f"start: {before} {label} {after}\n"
    return (
        f"start: {_literal(template.none or '')} | {before} {label} ({_literal(template.separator)} {label})* {after}\n"
    )


def choice_grammar(texts: Sequence[str]) -> str:
    """A Lark grammar of exactly these texts."""
    return "start: " + " | ".join(map(_literal, texts)) + "\n"


def _literal(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
