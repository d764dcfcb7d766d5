"""Where a text holds phone numbers, identity numbers and bank cards; for `mentalglm.personal_data`.

All functions read text whose digits are ASCII and yield ``(start, end)``; of two that overlap the first counts. Every
repetition in the patterns is bounded, so that no text makes them slow.
"""

import re
from collections.abc import Iterator
from datetime import date
from functools import cache

from mentalglm.hotlines import load_hotlines

Span = tuple[int, int]

_GAP = "[ .·_\u2010-\u2015\u3000\ufe0f\u20e3-]{0,2}"
# A number does not begin inside another one or behind a decimal point, and is no amount.
_ALONE = r"(?<![0-9])(?<![0-9][.,])"
_UNITS = "元|块|万|亿|美元|美金|人民币|円|rmb|RMB|%|‰|个|次|米|克|步|人|位|票|赞|播放|dollars|USD|people"
_ENDS = rf"(?![0-9])(?!\s?(?:{_UNITS}))"
_SPELT = "零〇一二三四五六七八九幺壹贰叁肆伍陆柒捌玖"

_MOBILE = re.compile(rf"{_ALONE}(?:(?:\+|00)?86{_GAP})?(1{_GAP}[3-9](?:{_GAP}[0-9]){{9}})[\ufe0f\u20e3]{{0,2}}{_ENDS}")
_SPELT_MOBILE = re.compile(
    f"(?<![0-9{_SPELT}十百千万两])([1一幺壹]{_GAP}[3-9三四五六七八九叁肆伍陆柒捌玖](?:{_GAP}[0-9{_SPELT}]){{9}})"
    f"(?![0-9{_SPELT}十百千万])"
)
# How people group the eleven digits; 1998.9.1 2000.1 is two dates.
_GROUPS = {(11,), (3, 4, 4), (3, 8), (7, 4), (4, 7), (3, 3, 5), (4, 4, 3), (4, 3, 4), (3, 5, 3), (5, 6), (6, 5)}
_GROUPS |= {(3, 2, 2, 2, 2), (3, 4, 2, 2), (3, 2, 2, 4), (1,) * 11}

_LANDLINE = re.compile(
    rf"{_ALONE}\(?(?:(?:\+|00)?86[ -]{{0,2}})?\(?0(?:10|2[0-9]|[3-9][0-9]{{2}})[)]?[ \u2010-\u2015-]{{0,3}}"
    rf"[2-9][0-9]{{2,3}}[ -]?[0-9]{{4}}(?:(?:-|转|ext\.?)\s?[0-9]{{1,5}})?{_ENDS}"
)
_LOCAL = re.compile(
    r"(?i)(?:电话|座机|手机|联系方式|(?<![a-z])(?:tel|phone|cell|call me|text me|my number))"
    rf"(?:号|码|是|为|(?<![a-z])(?:is|at|on|number|no)(?![a-z])|[:=. (]){{0,6}}"
    rf"([2-9][0-9]{{2,3}}[ .-]?[0-9]{{4}}){_ENDS}"
)
_AMERICAN = re.compile(
    rf"{_ALONE}(?<![0-9]-)(?:\+?1[ .-]?)?(?:\(([2-9][0-9]{{2}})\)[ -]?|([2-9][0-9]{{2}})[ .-])"
    rf"([2-9][0-9]{{2}})[ .-][0-9]{{4}}(?![.-]?[0-9]){_ENDS}"
)
_ABROAD = re.compile(r"(?<![0-9A-Za-z+])\+[1-9](?:[ .()-]{0,2}[0-9]){8,14}(?![0-9])")
_TOLL_FREE = {"400", "800", "888", "877", "866", "855", "844", "833"}
_NAMED_HOTLINE = re.compile(
    r"(?i)(?:热线|专线|援助|干预|hotline|helpline|lifeline|crisis line)"
    r"(?:(?!我|my)[^，。！？；;\n〔〕\[\]\ue000]){0,40}$"
)

_LONG_ID = re.compile(rf"{_ALONE}[1-8][0-9]{{5}}[ -]?(?:18|19|20)[0-9]{{6}}[ -]?[0-9]{{3}}[0-9Xx](?![0-9])")
_OLD_ID = re.compile(rf"{_ALONE}[1-8][0-9]{{14}}(?![0-9])")
_NAMED_ID = re.compile(r"(?:身份证|护照|证件)(?:号|码|是|为|[:= ]){0,5}([A-Za-z]?[0-9]{7,17}[0-9Xx])(?![0-9A-Za-z])")

_CARD = re.compile(rf"{_ALONE}[3-6][0-9]{{3}}(?:[ -]?[0-9]){{11,15}}{_ENDS}")
_NAMED_CARD = re.compile(
    r"(?i)(?:卡号|银行卡|账号|帐号|card number|account number)(?:号|码|是|为|(?<![a-z])is(?![a-z])|[:= ]){0,5}"
    r"([0-9](?:[ -]?[0-9]){11,18})(?![0-9])"
)


def phones(text: str) -> Iterator[Span]:
    """Mobile numbers, in digits or spelt out, and landlines; American numbers and others with a country code."""
    for pattern in (_MOBILE, _SPELT_MOBILE, _LANDLINE, _AMERICAN, _ABROAD, _LOCAL):
        for found in pattern.finditer(text):
            start, end = found.span(1) if pattern is _LOCAL else found.span()
            if _is_phone(pattern, found) and not _is_public(pattern, text, start, end):
                yield start, end


def id_numbers(text: str) -> Iterator[Span]:
    """Mainland identity numbers: 18 places with a right check digit (GB 11643-1999), 15 with a possible birthday."""
    for pattern, fits in ((_LONG_ID, _checked), (_OLD_ID, _old_birthday)):
        yield from (found.span() for found in pattern.finditer(text) if fits(re.sub("[ -]", "", found.group())))
    yield from (found.span(1) for found in _NAMED_ID.finditer(text))


def bank_cards(text: str) -> Iterator[Span]:
    """Card numbers: of 15 to 19 digits with a right Luhn sum, or called a card or an account."""
    yield from (found.span(1) for found in _NAMED_CARD.finditer(text))
    yield from (found.span() for found in _CARD.finditer(text) if _luhn(found.group()))


def _is_phone(pattern: re.Pattern[str], found: re.Match[str]) -> bool:
    text, (start, end) = found.string, found.span()
    if pattern in (_MOBILE, _SPELT_MOBILE):
        number = found.group(1)
        groups = tuple(map(len, re.findall(f"[0-9{_SPELT}]+", number)))
        if groups == (1,) * 11 and re.search("[0-9][ .-]{1,2}$", text[max(0, start - 3) : start]):
            return False
        if groups == (1,) * 11 and re.match("[ .-]{1,2}[0-9]", text[end : end + 3]):
            return False
        return groups in _GROUPS and (pattern is _MOBILE or re.search(f"[{_SPELT}]", number) is not None)
    if pattern is _AMERICAN:
        area, exchange = found.group(1) or found.group(2), found.group(3)
        return area not in _TOLL_FREE and not (area.endswith("0") and exchange.endswith("0"))
    return pattern is not _ABROAD or len(set(found.group())) > 4


def _is_public(pattern: re.Pattern[str], text: str, start: int, end: int) -> bool:
    digits = re.sub("[^0-9]", "", text[start:end])
    if digits in _hotlines() or re.fullmatch("1?(?:400|800)[0-9]{7}", digits):
        return True
    called = pattern in (_LANDLINE, _LOCAL, _AMERICAN)
    return called and _NAMED_HOTLINE.search(text, max(0, start - 50), start) is not None


@cache
def _hotlines() -> frozenset[str]:
    return frozenset(re.sub("[^0-9]", "", hotline.number) for hotline in load_hotlines())


def _checked(number: str) -> bool:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    rest = sum(weight * int(digit) for weight, digit in zip(weights, number, strict=False)) % 11
    return number[17].upper() == "10X98765432"[rest]


def _old_birthday(number: str) -> bool:
    try:
        date(1900 + int(number[6:8]), int(number[8:10]), int(number[10:12]))
    except ValueError:
        return False
    return True


def _luhn(number: str) -> bool:
    digits = [int(sign) for sign in number if sign.isdigit()]
    if len(set(digits)) < 2 or (len(digits) == 15 and digits[:2] not in ([3, 4], [3, 7])):
        return False
    doubled = [digit if place % 2 == 0 else digit * 2 - 9 * (digit > 4) for place, digit in enumerate(digits[::-1])]
    return sum(doubled) % 10 == 0
