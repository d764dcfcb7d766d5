"""What an explanation must not do: give advice, name the level where it should not, or quote words nobody wrote.

Plain patterns, read on the writer's own words: what stands in 「」 or “” is someone else's and is left out. They are
meant for filtering and counting, where a missed case costs little; they do not understand a sentence.
"""

import re

_QUOTED = re.compile("「([^「」]*)」")
_OTHERS_WORDS = re.compile("「[^「」]*」|“[^“”]*”|『[^『』]*』")

# What someone would be told to do, as explanations in Chinese word it.
_ACTION = (
    "留意|留心|关注|注意|警惕|重视|当心|小心|看护|看顾|看住|守护|保护|陪伴|陪同|复核|复查|复看|细看|审核|审看|研判|甄别|过目|辨识|查看|核实|核查|评估|"
    "介入|干预|处置|处理|转介|跟进|随访|提醒|求助|就医|就诊|治疗|咨询|报警|联系|放行|上报|拦截|看一眼|看一看|看到|看见|停一停|对待|疏导|支持|帮助"
)
_ADVICE_ZH = re.compile(
    "|".join(
        (
            r"(?:交由?|由|请|待|靠|转)(?:人工|审核者|审核员|审看者)|(?:交由?|请|转)专业人[员士]",
            r"人工(?:研判|判定|复核|复看|关注|判断|审核|查看|介入|再看|留意|跟进|处理)",
            # 需要、应、宜 … before an action, unless denied: 没有需要留意的内容 is no advice.
            rf"(?<![不无没未回反适对呼响相效])(?:亟?需要?|应该|应当|应|必须|须|宜|要|最好|不妨|务必|值得)[^，。；！？]{{0,6}}?(?:{_ACTION})",
            r"(?:^|[，。；、：！？]|仍|并|故|因此|所以|我|强烈|特此)建议",
            r"尽快|尽早|尽速|赶紧(?:联系|就医|求助)|立即(?:处置|重视|关注|干预|介入|处理|就医|求助|联系)|及时(?:留意|关注|干预|介入|就医|求助|处理|联系)",
            r"你(?:应该|应当|可以|需要|不妨|最好|要|得)|您(?:应该|应当|可以|需要|不妨|最好|要)",
            r"请(?:你|您|务必|及时|尽快|立即|拨打|联系|寻求|前往|咨询)|拨打[^，。；]{0,12}(?:热线|电话|12356|120|110)|寻求(?:专业|心理|医生)[^，。；]{0,6}",
        )
    )
)
# A denial at the start of the clause takes the prescription back: 没有任何需要留意的内容, 不必额外关注.
_DENIED = re.compile(
    "没有|并无|毫无|无需|不需|不用|不必|无须|看不到|找不到|看不出|不值得|谈不上|无任何|不存在|不含|不涉及|不到"
)
_ADVICE_EN = re.compile(
    r"\byou (?:should|could|must|need to|may want to)\b"
    r"|\b(?:i|we) (?:recommend|suggest|advise)\b|\bit is (?:recommended|advisable)\b"
    r"|\b(?:please|should) (?:seek|call|contact|consult|talk to|reach out)\b"
    r"|\bseek (?:professional|medical|immediate|psychiatric) ",
    re.IGNORECASE,
)
_LEVEL = re.compile(
    r"(?:第\s*)?(?:[0-9０-９]{1,2}|十|[零〇一二三四五六七八九])\s*级(?![考台跳风楼阶])|(?<![高中初低])(?:等级|级别)(?![证考])|\blevel\s*(?:is\s*)?[0-9]+",
    re.IGNORECASE,
)


def gives_advice(text: str) -> bool:
    """Whether ``text`` advises or prescribes: to the writer of a post, to a moderator, to anyone."""
    own = _OTHERS_WORDS.sub("", text)
    return any(_prescribes(clause) for clause in re.split("(?<=[，。；！？])", own)) or bool(_ADVICE_EN.search(own))


def names_level(text: str) -> bool:
    """Whether ``text`` names a level of the 0–10 scale (定为五级, 对应 7 级, level 3)."""
    return bool(_LEVEL.search(_OTHERS_WORDS.sub("", text)))


def unquoted_words(explanation: str, post: str) -> list[str]:
    """The strings that ``explanation`` puts in 「」 although ``post`` does not hold them, in order."""
    return [words for words in _QUOTED.findall(explanation) if words not in post]


def _prescribes(clause: str) -> bool:
    found = _ADVICE_ZH.search(clause)
    return found is not None and not _DENIED.search(clause[: found.start()])
