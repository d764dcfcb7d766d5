"""Phone numbers, identity and card numbers, e-mail, QQ and WeChat ids, @names and links, masked by rule.

What anybody may dial stays: crisis hotlines, 400 and toll-free numbers, landlines that the text itself calls a hotline.
Counts, dates, doses, scores and prices stay too. Names and addresses in running text are not found.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mentalglm.personal_handles import emails, mentions, qq_numbers, urls, wechat_ids
from mentalglm.personal_numbers import bank_cards, id_numbers, phones

# kind, how it is found, what stands in its place in a Chinese and in any other text. An earlier kind goes first where
# two would take the same signs.
_KINDS: tuple[tuple[str, Callable[[str], Iterable[tuple[int, int]]], str, str], ...] = (
    ("url", urls, "〔网址〕", "[url]"),
    ("email", emails, "〔邮箱〕", "[email]"),
    ("id_number", id_numbers, "〔证件号〕", "[id number]"),
    ("bank_card", bank_cards, "〔银行卡号〕", "[bank card]"),
    ("phone", phones, "〔电话〕", "[phone]"),
    ("qq", qq_numbers, "〔QQ号〕", "[qq number]"),
    ("wechat", wechat_ids, "〔微信号〕", "[wechat id]"),
    ("mention", mentions, "〔用户〕", "[user]"),
)
# Everything that may stand in the place of what was masked.
REPLACEMENTS = frozenset(words for _, _, *both in _KINDS for words in both)
_NUMBERS = ("id_number", "bank_card", "phone", "qq")
_FEWEST_DIGITS = 5
_DIGIT = re.compile("[0-9零〇一二三四五六七八九幺壹贰叁肆伍陆柒捌玖]")
# Stands for what is masked already while the next kind is looked for; neither a letter nor a digit.
_BLANK = "\ue000"
_CHINESE = re.compile("[\u3400-\u9fff]")
_OTHER_DIGIT = re.compile("(?![0-9])[\\d①-⑨⓪]")
_WIDE = {ord(sign) + 0xFEE0: sign for sign in map(chr, range(0x21, 0x7F)) if sign.isalnum() or sign in "@.:/-+()_#=&"}


@dataclass(frozen=True)
class Change:
    """One stretch of the input, ``[start, end)`` in code points, and what stands in its place."""

    start: int
    end: int
    replacement: str
    kind: str


@dataclass(frozen=True)
class Masked:
    """A text without its personal data.

    Attributes:
        text: The masked text.
        changes: What was masked, in the order of the input; offsets are those of the input.
    """

    text: str
    changes: tuple[Change, ...]

    def moved(self, start: int, end: int) -> tuple[int, int] | None:
        """Where the input's stretch ``[start, end)`` stands in the masked text; None where it cuts through a change."""
        before = within = 0
        for change in self.changes:
            grown = len(change.replacement) - (change.end - change.start)
            if change.end <= start:
                before += grown
            elif start <= change.start and change.end <= end:
                within += grown
            elif change.start < end:
                return None
        return start + before, end + before + within


def mask(text: str) -> Masked:
    """Masks the personal data in ``text``; masking the result once more changes nothing.

    Everything else stays as it was, sign by sign. The time needed grows linearly with the length of the text.
    """
    in_chinese = _CHINESE.search(text) is not None
    plain, found = _plain(text), list[Change]()
    # Most posts hold no number worth the search.
    skipped = _NUMBERS if len(_DIGIT.findall(plain)) < _FEWEST_DIGITS else ()
    searched = ""
    # What is masked may lay bare what stands beside it (two numbers without a space): until nothing more is found.
    while plain != searched:
        searched = plain
        for kind, find, chinese, other in _KINDS:
            spans = [] if kind in skipped else list(find(plain))
            if not spans:
                continue
            signs = list(plain)
            for start, end in spans:
                if _BLANK not in signs[start:end]:
                    signs[start:end] = _BLANK * (end - start)
                    found.append(Change(start, end, chinese if in_chinese else other, kind))
            plain = "".join(signs)
    found.sort(key=lambda change: change.start)
    pieces, done = list[str](), 0
    for change in found:
        pieces += [text[done : change.start], change.replacement]
        done = change.end
    return Masked("".join(pieces) + text[done:], tuple(found))


def _plain(text: str) -> str:
    """``text`` with ASCII for full-width signs and for digits of any script, place by place."""
    return _OTHER_DIGIT.sub(lambda digit: str(unicodedata.digit(digit.group())), text.translate(_WIDE))
