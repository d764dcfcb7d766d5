"""From a row to a post and, where the row holds one as a text, its answer: one small function per format."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from instructions.sources.source import Source
from instructions.sources.turns import answered_turns
from mentalglm.encodings import DAMAGE
from mentalglm.published import imhi_question
from mentalglm.tasks import Task


@dataclass(frozen=True)
class Post:
    """A post of a source.

    Attributes:
        text: The post.
        answer: The text that answers it, where the row's labels do not stand in columns.
        task: The one task the answer is for, where the row itself asks for one.
    """

    text: str
    answer: str | None = None
    task: str | None = None


class Unusable(ValueError):
    """A row that holds no post; the message never holds what stands in it."""


def post_reader(source: Source, tasks: list[Task]) -> Callable[[Mapping[str, Any]], Post]:
    """How posts are read from the rows of ``source``.

    Returns:
        A function from a row to its post; it raises :class:`Unusable` where there is none.
    """
    pattern = re.compile(source.post_pattern, re.DOTALL) if source.post_pattern else None
    if source.reader == "imhi":
        from_row = _asked(source, tasks)
    elif source.reader in ("messages", "sharegpt", "alpaca"):
        from_row = _answered(source)
    else:
        from_row = _column(source)
    mend = _mending(source)

    def read(row: Mapping[str, Any]) -> Post:
        post = from_row(row)
        text = post.text
        if pattern is not None:
            found = pattern.search(text)
            if found is None:
                raise Unusable("post_pattern finds no post")
            text = found.group(1)
        return Post(_sound(mend(text)), None if post.answer is None else mend(post.answer).strip(), post.task)

    return read


def _mending(source: Source) -> Callable[[str], str]:
    if not source.repair_mojibake:
        return lambda text: text
    from instructions.mojibake import repair

    return repair


def _sound(text: str) -> str:
    r"""The post without blank edges and with ``\n`` at line ends."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not text:
        raise Unusable("empty text")
    if DAMAGE in text:
        raise Unusable("the text holds bytes that are no text in the file's encoding")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unusable("the text holds half a surrogate pair") from None
    return text


def _text_of(row: Mapping[str, Any], column: str | None) -> str:
    value = row.get(column or "")
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        raise Unusable("the post is not a text")
    return str(value)


def _column(source: Source) -> Callable[[Mapping[str, Any]], Post]:
    return lambda row: Post(_text_of(row, source.text))


def _answered(source: Source) -> Callable[[Mapping[str, Any]], Post]:
    def read(row: Mapping[str, Any]) -> Post:
        turns = answered_turns(row, source)
        said = {turn["role"]: turn["content"] for turn in reversed(turns)}  # the first turn of each
        if "user" not in said or "assistant" not in said:
            raise Unusable("no post with an answer")
        return Post(said["user"], said["assistant"])

    return read


def _asked(source: Source, tasks: list[Task]) -> Callable[[Mapping[str, Any]], Post]:
    """The question tells the task, as the style ``imhi`` words it."""

    def read(row: Mapping[str, Any]) -> Post:
        found = imhi_question(_text_of(row, source.text), tasks)
        if found is None:
            raise Unusable("a question that none of the source's tasks asks")
        task, post = found
        return Post(post, _text_of(row, source.answer), task.name)

    return read
