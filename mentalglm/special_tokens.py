"""Strings in a text that a chat template could take for its own marks, broken up before the text goes to an endpoint.

A model that is loaded here reads a post as plain characters (:mod:`mentalglm.prompt`). What an endpoint does with
``<|assistant|>`` in a post is not known, so the string goes out with a space behind its first sign.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

# <|user|>, <｜begin▁of▁sentence｜>, [gMASK], [INST], <sop>, <s>, <start_of_turn>, <think> …
_SPECIAL = re.compile(
    r"<(?=[|｜][^<>\n]{0,60}[|｜]>)|<(?=/?(?:s|sop|eop|bos|eos|pad|unk|mask|think|tool_call|start_of_turn|end_of_turn)>)"
    r"|<(?=<SYS>>|</SYS>>)|\[(?=/?(?:[gs]?MASK|INST|SEP|CLS|PAD|UNK)\])",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class BrokenText:
    """A text as it is sent.

    Attributes:
        original: As it was.
        text: With a space put in after the first sign of every such string.
        places: Where the spaces stand in ``text``, ascending.
    """

    original: str
    text: str
    places: tuple[int, ...]

    def before(self, words: str) -> str | None:
        """The words of ``original`` that stand as ``words`` in ``text``, at their first occurrence.

        Returns:
            None where ``text`` does not hold them, or where they are nothing but a space that was put in.
        """
        start = self.text.find(words)
        if start < 0 or not words:
            return None
        end = start + len(words)
        found = self.original[self._back(start) : self._back(end)]
        return found or None

    def _back(self, offset: int) -> int:
        return offset - sum(place < offset for place in self.places)


def break_special_tokens(text: str) -> BrokenText:
    """``text`` with every string that could be a special token broken by a space behind its first sign."""
    spots = [found.end() for found in _SPECIAL.finditer(text)]
    cuts = [0, *spots, len(text)]
    sent = " ".join(text[begin:end] for begin, end in pairwise(cuts))
    return BrokenText(text, sent, tuple(spot + number for number, spot in enumerate(spots)))
