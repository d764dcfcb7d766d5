"""Where a text holds links, e-mail addresses, QQ numbers, WeChat ids and @names; for `mentalglm.personal_data`.

All functions read text whose digits and Latin letters are half-width, and yield ``(start, end)``; of two that
overlap the first counts. No pattern can begin in
the middle of a run that it repeats, or its repetitions are bounded, so that no text makes them slow.
"""

import re
from collections.abc import Iterator

Span = tuple[int, int]

_LINK_SIGN = r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]"
_LABELS = r"(?<![A-Za-z0-9.@_-])(?:[A-Za-z0-9-]{1,63}\.)"
_ENDING = r"(?:com|cn|net|org|edu|gov|io|info|top|xyz|tv|co|cc|me|ly|gl|be|im|gg|uk|us|jp|hk|tw)(?![A-Za-z0-9])"
_URL = re.compile(
    rf"(?i)(?<![a-z])(?:https?://|www\.)(?=[a-z0-9]){_LINK_SIGN}+"
    rf"|{_LABELS}{{1,4}}{_ENDING}(?::[0-9]{{1,5}})?/{_LINK_SIGN}*"
    rf"|{_LABELS}{{2,4}}(?:com|cn|net|org|edu|gov|io)(?![A-Za-z0-9])"
)

_LOCAL_PART = r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]+"
_EMAIL = re.compile(
    rf"(?i){_LOCAL_PART}@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{{2,}}"
    # name at qq dot com, as written against machines
    rf"|{_LOCAL_PART}\s?(?:@|#|艾特|圈a|[(\[]at[)\]]|\sat\s)\s?"
    r"(?:qq|vip\.qq|163|126|139|189|gmail|g-mail|hotmail|outlook|foxmail|sina|sohu|yahoo|icloud|live|aliyun|yeah|protonmail)"
    r"\s?(?:\.|点|[(\[]dot[)\]]|\sdot\s)\s?(?:com|cn|net|me)(?![a-z0-9])"
)

_SPELT = "零〇一二三四五六七八九幺"
_NO_AMOUNT = "(?![0-9])(?!\\s?(?:元|块|万|亿|个|次|人|位|年|月|步|版|级|%))"
_QQ = re.compile(
    rf"(?i)(?<![a-z])(?:q\s?q|扣扣|叩叩|企鹅)(?:号|码|群|账|帐|是|为|我|加|[:=\s()#+-]){{0,8}}"
    rf"([1-9][0-9]{{4,10}}{_NO_AMOUNT}|[1-9][0-9]{{2}}[ -][0-9]{{3}}[ -][0-9]{{3,4}}{_NO_AMOUNT}|[{_SPELT}]{{6,11}})"
    rf"|(?<![a-z0-9])q[:= ]{{0,2}}([1-9][0-9]{{5,10}}){_NO_AMOUNT}"
    rf"|(?:加我|私我|联系我|找我|加群|群号)[:=是为\s]{{0,3}}([1-9][0-9]{{5,10}}){_NO_AMOUNT}"
)

_WECHAT = re.compile(
    r"(?i)(?<![a-z])(?:微\s?信|[薇威维徽v]信|卫星|v\s?x|w\s?x|wei\s?xin|we\s?chat|(?:加|➕|\+)\s?[v薇威])"
    r"((?:号|码|账|帐|是|为|我|加|(?:id|is)(?![a-z0-9_])|[:=\s()+~]){0,8})"
    r"([a-z][a-z0-9_-]{5,19}|[0-9]{5,11})(?![a-z0-9_-])"
)
_NAMES_AN_ID = re.compile("(?i)[号账帐:=]|id")

# Behind a Latin letter only a Chinese name is one: via@小明, but not a@b.
_MENTION = re.compile(r"(?:(?<![A-Za-z0-9_.@])|(?<!@)(?=@[\u3400-\u9fff]))@([\w·.-]{1,30})")
_REDDIT = re.compile(r"(?<![\w/])/?u/[A-Za-z0-9_-]{3,20}(?![A-Za-z0-9_-])")
_HANDLE = re.compile(
    r"(?i)(?<![a-z])(?:kik|snapchat|snap|instagram|insta|discord|telegram|skype)(?:\s(?:id|handle|username|name))?"
    r"\s?(?:is\s|:|=)\s?@?([a-z0-9](?:[a-z0-9._-]{2,28})[a-z0-9_])(?![a-z0-9_])"
)
_EVERYBODY = {"所有人", "全体成员", "全体", "大家", "everyone", "here", "all", "channel"}
_HOUR_OR_PRICE = re.compile(r"(?i)[0-9]{1,4}(?:\.[0-9]+)?(?:am|pm|k|元|块|点|岁|h|mg)?\.*")
# Where a long run has no space after the name, the sentence that follows begins with one of these.
_SENTENCE = re.compile("[我你您他她咱]")
_LONGEST_NAME = 10


def urls(text: str) -> Iterator[Span]:
    """Links: with a scheme or www, with a path, or with three and more labels; ``baidu.com`` alone names nobody."""
    for found in _URL.finditer(text):
        yield found.start(), found.start() + len(found.group().rstrip(".,;:!?'\")]}&"))


def emails(text: str) -> Iterator[Span]:
    """E-mail addresses, also in the usual disguises."""
    yield from (found.span() for found in _EMAIL.finditer(text))


def qq_numbers(text: str) -> Iterator[Span]:
    """The numbers that are called QQ, or that one is to add; the word itself stays."""
    yield from (found.span(found.lastindex or 0) for found in _QQ.finditer(text))


def wechat_ids(text: str) -> Iterator[Span]:
    """The ids that are called WeChat; a plain word only where an id is announced (微信号：…)."""
    for found in _WECHAT.finditer(text):
        if not found.group(2).isalpha() or _NAMES_AN_ID.search(found.group(1)):
            yield found.span(2)


def mentions(text: str) -> Iterator[Span]:
    """@names, u/names and handles of messengers; not @ before an hour, a price or everybody, and no face (@_@)."""
    for found in _MENTION.finditer(text):
        name = found.group(1).rstrip(".-·")
        face = text[found.end() : found.end() + 1] == "@" and len(name) < 3
        if face or name in _EVERYBODY or _HOUR_OR_PRICE.fullmatch(name) or not re.search(r"[^\W_]", name):
            continue
        sentence = _SENTENCE.search(name, 2) if len(name) > _LONGEST_NAME else None
        yield found.start(), found.start() + 1 + (sentence.start() if sentence else len(name))
    yield from (found.span() for found in _REDDIT.finditer(text))
    yield from (found.span(1) for found in _HANDLE.finditer(text) if re.search("[0-9_.]", found.group(1)))
