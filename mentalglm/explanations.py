"""Keeps an explanation within bounds: its length, and what a small model says over and over."""

import re

_SENTENCE_ENDS = "。！？.!?"
# A stretch of two or more characters that stands three times or more in a row is a loop, but what the post says so
# may be quoted.
_LOOP = re.compile(r"「[^「」]*」|(.{2,80}?)\1{2,}", re.DOTALL)


def bounded(explanation: str, limit: int | None = None) -> str:
    """``explanation`` without its loops, and of at most ``limit`` characters.

    What is too long ends with its last whole sentence within the limit, or where there is none, with ``…``. A loop is
    said once.

    Args:
        explanation: A text that is not empty.
        limit: At least 2; None sets no limit.
    """
    text = _LOOP.sub(lambda found: found.group(1) or found.group(), explanation)
    if limit is None or len(text) <= limit:
        return text
    end = max(text.rfind(mark, 0, limit) for mark in _SENTENCE_ENDS)
    return text[: end + 1] if end > 0 else _unquoted_end(text[: limit - 1]) + "…"


def _unquoted_end(text: str) -> str:
    """``text`` without a quotation that was cut off, whose beginning alone the post need not hold."""
    opened = text.rfind("「")
    return text[:opened] if opened > text.rfind("」") else text
