"""Labels read from freely written text: for models whose label scores cannot be had, and beside label scoring.

The parser is strict. An answer counts where its first sentence has the form it was asked in, or where its first line is
nothing but labels; a label that stands anywhere else, in an argument or a refusal, is none.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from eval.writers import Sampling, local_replies, remote_replies
from mentalglm.analysis import Analysis, ErrorInfo
from mentalglm.answer import Answer, parse_answer, render_head
from mentalglm.decoding.merge import WindowAnswer, merge_windows
from mentalglm.models import LoadedModel
from mentalglm.relate import relate
from mentalglm.remote import RemoteModel
from mentalglm.tasks import Task, prompt_hash

MAX_NEW_TOKENS = 512
_THINKING = re.compile(r"^\s*<think>.*?</think>", re.DOTALL)
# What chat models put around an answer: emphasis, headings, quotation marks, a full stop.
_WRAPPING = " \t*_#`\"'“”「」『』.。"
_BETWEEN = re.compile(r"[、，,;；]")
_NOTHING = ("无", "没有", "none")


@dataclass(frozen=True)
class Written:
    """What a model wrote about one post.

    Attributes:
        analysis: As read from its words; probabilities are null, for words tell none.
        replies: The words themselves, one text per window of the post.
    """

    analysis: Analysis
    replies: tuple[str, ...]


def write_each(
    loaded: LoadedModel | RemoteModel,
    posts: Sequence[str],
    task: Task,
    style: str,
    batch_size: int,
    labels_only: bool,
    sampling: Sampling | None = None,
) -> list[Written | ErrorInfo]:
    """Lets a model write freely, greedily unless told how to draw its words, about every post, and reads its answers.

    Args:
        loaded: The model.
        posts: The posts.
        task: The task, in the words in which it is asked.
        style: Its style.
        batch_size: Posts at once, for a model loaded here.
        labels_only: Read labels alone.
        sampling: How words are drawn; None for the likeliest.

    Raises:
        UserError: An endpoint answers nothing at all.
    """
    replied = (
        remote_replies(loaded, posts, task, style, MAX_NEW_TOKENS, sampling)
        if isinstance(loaded, RemoteModel)
        else local_replies(loaded, posts, task, style, MAX_NEW_TOKENS, batch_size, sampling)
    )
    asked = prompt_hash(task, style)
    written: list[Written | ErrorInfo] = []
    for post, windows in zip(posts, replied, strict=True):
        if isinstance(windows, ErrorInfo):
            written.append(windows)
            continue
        parts = [WindowAnswer(words, *_read(reply, task, style)) for words, reply in windows]
        analysis = merge_windows(post, parts, task, labels_only, model=loaded.name, prompt_hash=asked)
        relate({task.name: analysis}, None)
        analysis.probabilities = dict.fromkeys(task.label_names)
        written.append(Written(analysis, tuple(reply for _, reply in windows)))
    return written


def read_reply(text: str, task: Task, style: str) -> Answer | None:
    """Reads a freely written reply.

    Args:
        text: Anything; nothing in it raises.
        task: The task that was asked.
        style: The style it was asked in.

    Returns:
        The answer, or None where the reply does not begin with one.
    """
    text = _THINKING.sub("", text).strip()
    answer = parse_answer(text.lstrip(_WRAPPING), task, style)
    if answer is not None:
        return answer
    first, _, rest = text.partition("\n")
    labels = _bare_labels(first, task, style)
    if labels is None:
        return None
    # The rest is read as that of an answer in the asked form, so that evidence and reason are found by their marks.
    whole = parse_answer(render_head(labels, task, style) + "\n" + rest, task, style)
    return whole or Answer(labels)


def with_format(task: Task, style: str, labels_only: bool) -> Task:
    """``task`` with a note behind the question on how to answer, for models that were not trained to."""
    template = task.styles[style]
    names = [task.surface(style, name) for name in task.label_names]
    if task.language == "zh":
        note = f"请用一句话开头：“{template.head.replace('{labels}', '……')}”，其中“……”只能填：{'、'.join(names)}。"
        if task.many:
            note += f"可以填几个，用“{template.separator}”隔开；如果都没有，就写“{template.none}”。"
        note += "只写这一句。" if labels_only else _then_zh(template.evidence, template.reason)
    else:
        heads = " or ".join(f'"{template.head.replace("{labels}", name)}"' for name in names)
        note = f"Begin your answer with exactly one of these sentences: {heads}."
        if task.many:
            note += f' Name several labels separated by "{template.separator}"; if none holds, write "{template.none}"'
        note += " Write nothing else." if labels_only else f' Then write "{template.reason}" and your reasons.'
    asked = template.model_copy(update={"prompt": f"{template.prompt}\n{note}"})
    return task.model_copy(update={"styles": {**task.styles, style: asked}})


def _then_zh(evidence: str | None, reason: str) -> str:
    quotes = f"接着写“{evidence}”，并把原文中的字句放在「」里；" if evidence else ""
    return f"{quotes}最后写“{reason}”，再说明理由。"


def _read(reply: str, task: Task, style: str) -> tuple[Answer | None, list[float]]:
    """The answer, and what windows are weighed by: there are no probabilities."""
    answer = read_reply(reply, task, style)
    if answer is None:
        return None, [0.0] * len(task.label_names)
    labels = tuple(name for name in task.label_names if name in answer.labels)
    said = [float(name in labels) for name in task.label_names]
    return Answer(labels, answer.evidence, answer.explanation), said


def _bare_labels(line: str, task: Task, style: str) -> tuple[str, ...] | None:
    """The labels of a line that holds nothing else; None for any other line."""
    ways = {alias.lower(): label.name for label in task.labels for alias in (label.name, *label.aliases)}
    ways |= {task.surface(style, name).lower(): name for name in task.label_names}
    words = line.strip(_WRAPPING).lower()
    if words in ways:
        return (ways[words],)
    if not task.many:
        return None
    if words in (*_NOTHING, (task.styles[style].none or "").strip(_WRAPPING).lower()):
        return ()
    parts = [part.strip(_WRAPPING) for part in _BETWEEN.split(words)]
    if not all(part in ways for part in parts):
        return None
    return tuple(dict.fromkeys(ways[part] for part in parts))
