"""Finds quoted words in a post: evidence is where the words stand, or it is dropped."""

import re
from collections.abc import Iterable

from instructions.records import Span

# Several quotes in one cell.
_BETWEEN = re.compile(r"[,，、;；|\n]|\.{2,}|…+")
_WORD = re.compile(r"[a-z0-9]", re.IGNORECASE)
_EDGES = " \t\"'“”‘’「」『』。.!！?？"


def locate(quotes: Iterable[str], text: str, label: str | None) -> list[Span]:
    """The first place of each quote in ``text``; a quote that does not stand there is looked for piece by piece.

    Capitals count for nothing, an English word is not found inside another one, and one or two letters are no quote.

    Returns:
        Spans in the text's order, none of them overlapping another.
    """
    found: list[tuple[int, int]] = []
    folded = "".join(sign.lower() if len(sign.lower()) == 1 else sign for sign in text)  # İ would shift the offsets
    for quote in quotes:
        whole = _find(quote, folded)
        pieces = [whole] if whole else [_find(piece, folded) for piece in _BETWEEN.split(quote)]
        found += [place for place in pieces if place is not None]
    spans: list[Span] = []
    for start, end in sorted(set(found)):
        if not spans or start >= spans[-1].end:
            spans.append(Span(start=start, end=end, label=label))
    return spans


def _find(quote: str, folded: str) -> tuple[int, int] | None:
    words = quote.strip().lower()
    for candidate in (words, words.strip(_EDGES)):
        if len(candidate) < (3 if candidate.isascii() else 2):
            continue
        start = folded.find(candidate)
        while start >= 0:
            end = start + len(candidate)
            if not _cuts_a_word(folded, start) and not _cuts_a_word(folded, end):
                return start, end
            start = folded.find(candidate, start + 1)
    return None


def _cuts_a_word(text: str, at: int) -> bool:
    return 0 < at < len(text) and bool(_WORD.match(text[at - 1]) and _WORD.match(text[at]))
