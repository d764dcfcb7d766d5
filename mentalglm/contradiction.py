"""Whether an explanation says another label than the one it stands under.

Only plain statements count: 属于高自杀风险 under 低自杀风险, "does not suffer from depression" under yes. What is
weighed (如果, 看似, while, may) or stands in a quotation decides nothing, and an explanation that also states its own
label is let through. So contradictions are missed, and hardly any are imagined: meant for filtering and counting.
"""

import re

from mentalglm.tasks import Task

_OPEN, _CLOSE = "[「『“‘\"'（(]?", "[」』”’\"'）)]?"
_QUOTATION = re.compile('「([^「」]*)」|『([^『』]*)』|“([^“”]*)”|"([^"\n]*)"')

_STATES_ZH = "(?:体现|属于|属|判为|判定为|评为|评定为|定为|归为|归于|归入|应为|就是|构成|表现为)(?:了|出了?|的是)?"
_DENIES_ZH = (
    "(?:没有体现出?|未体现出?|不属于|不属|并非|(?<!是)不是|不构成|算不上|谈不上|称不上|不(?:能|应该?|该)?[判评定归]为)"
)
_DEGREE_ZH = "(?:典型的|明显的|明确的)?"
# Before a statement in its clause: it is denied or weighed.
_UNSETTLED_ZH = re.compile("[没未不无非若疑]|难以|排除|看似|像是|似乎|是否|以为|避免|接近|高于|低于|介于|可能")
_CONDITION_ZH = re.compile("如果|假如|倘若|一旦|若|除非|只有")
# What a label's name may be the beginning of: 安全感, 安全问题.
_GOES_ON_ZH = "(?![感镜器]|问题)"
_LEVEL_ZH = re.compile(
    "(?:[定评判归属列][为于在到入]|(?:等级|级别)[是为]|对应)\\s?第?\\s?([0-9]{1,2}|[零一二三四五六七八九十])\\s?级"
)
_SHORTEST_CHILD = 3
_LEVELS = {sign: str(value) for value, sign in enumerate("零一二三四五六七八九十")}

_STATES_EN = (
    r"\b(?:answer|label|category|classification|cause)(?: (?:of|for|in)(?: \w+){1,3})?"
    r" (?:is|would be|should be|must be) (?:related to )?(?:the )?"
)
_UNSETTLED_EN = re.compile(
    r"\b(?:not|no|never|neither|nor|cannot|without|if|whether|may|might|could|while|although|though|unless|rather|but"
    r"|however|question|ask\w*|unclear|unlikely|possib\w+|necessarily|enough|insufficient|determin\w+|explicit\w*"
    r"|direct\w*)\b|n['’]t\b"
)
_NOT = r"\b(?:does|do|did|is|was)(?: not|n['’]t)(?: \w+){0,3}? "


def contradicts_label(explanation: str, labels: list[str], task: Task) -> bool:
    """Whether ``explanation`` plainly says that ``task``'s answer is another one than ``labels``.

    Args:
        explanation: The reason given for the labels.
        labels: The answer it stands under; empty where none of a multi-label task's labels applies.
        task: The task both belong to.
    """
    names = _names(task)
    # A quoted label name is a label all the same; any other quotation is the post's.
    text = _QUOTATION.sub(lambda found: found.group() if found.group()[1:-1].lower() in names else "", explanation)
    if labels and any(style.none and style.none.rstrip("。.") in text for style in task.styles.values()):
        return True
    stated, denied = _said_zh(text, task, names) if task.language == "zh" else (_said_en(text, task, names), set())
    return not stated & set(labels) and bool(stated or denied & set(labels))


def _said_zh(text: str, task: Task, names: dict[str, set[str]]) -> tuple[set[str], set[str]]:
    """The labels that a Chinese text says apply, and those it says don't."""
    stated: set[str] = set()
    denied: set[str] = set()
    for sentence in re.split("[。；！？\n]", text):
        for opening, said in ((_STATES_ZH, stated), (_DENIES_ZH, denied)):
            for found in re.finditer(f"{opening}{_DEGREE_ZH}{_OPEN}({_any_of(names)}){_GOES_ON_ZH}", sentence):
                if said is denied or _settled_zh(sentence[: found.start()]):
                    said |= names[found.group(1)]
        if task.kind == "ordinal":
            levels = [level for level in _LEVEL_ZH.finditer(sentence) if _settled_zh(sentence[: level.start()])]
            stated |= {_LEVELS.get(level.group(1), level.group(1)) for level in levels}
    return stated, denied


def _settled_zh(before: str) -> bool:
    """Whether a statement after these words of its sentence is meant as it stands."""
    clause = re.split("[，：、]", before)[-1]
    return not _UNSETTLED_ZH.search(clause) and not _CONDITION_ZH.search(before)


def _said_en(text: str, task: Task, names: dict[str, set[str]]) -> set[str]:
    """The labels that an English text says apply."""
    said: set[str] = set()
    verb = _verb(task)
    for sentence in re.split(r"(?<=[.!?;])\s+|\n", text.lower()):
        denial = re.search(_NOT + verb, sentence) if verb else None
        settled = not _UNSETTLED_EN.search(sentence.replace(denial.group(), "") if denial else sentence)
        if denial and settled:
            said.add("no")
        elif verb and settled and re.search(rf"\b{verb}", sentence):
            said.add("yes")
        if settled:
            for found in re.finditer(f"{_STATES_EN}{_OPEN}({_any_of(names)}){_CLOSE}(?=[.,;!]|$)", sentence):
                said |= names[found.group(1)]
        if settled and not verb:
            said |= {label for label, words in _sentences(task) if words in sentence}
    return said


def _names(task: Task) -> dict[str, set[str]]:
    """Every way to name a label, lower case, with the labels it may mean; ``child`` is enough for ``parent##child``."""
    names: dict[str, set[str]] = {}
    for label in task.labels:
        child = label.name.split("##")[-1]
        # 情感 or 生活 alone may mean anything.
        for name in (label.name, *([child] if len(child) >= _SHORTEST_CHILD else []), *label.aliases):
            names.setdefault(name.lower(), set()).add(label.name)
    return names


def _any_of(names: dict[str, set[str]]) -> str:
    return "|".join(map(re.escape, sorted(names, key=len, reverse=True)))


def _verb(task: Task) -> str | None:
    """What a yes-or-no task asks about as a pattern (``suffer(?:s|ing)? from depression``); None for other tasks."""
    if set(task.label_names) != {"yes", "no"}:
        return None
    for style in task.styles.values():
        found = re.search(r" does not (\w+)(.*)", style.surface.get("no", "").lower())
        if found:
            return rf"{re.escape(found.group(1))}(?:s|ing)?{re.escape(found.group(2))}\b"
    return None


def _sentences(task: Task) -> list[tuple[str, str]]:
    """The answer sentence of every label that has one of its own."""
    return [(label, words.lower()) for style in task.styles.values() for label, words in style.surface.items()]
