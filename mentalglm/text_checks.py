"""What an explanation must not do: advise, diagnose, name the level, repeat itself, quote words nobody wrote.

Plain patterns, read on the writer's own words: what stands in 「」 or “” is someone else's and is left out. They are
meant for filtering and counting, where a missed case costs little; they do not understand a sentence.
"""

import re

from mentalglm.contradiction import contradicts_label
from mentalglm.quotations import misquoted_words

__all__ = [
    "contradicts_label",
    "gives_advice",
    "gives_diagnosis",
    "misquoted_words",
    "names_level",
    "repeats_itself",
    "unquoted_words",
    "word_runs",
]

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

# Kinds of illness that only a clinician can find in someone; depression alone is what a label may be called.
_ILLNESS_EN = (
    r"(?:major|clinical|severe|chronic) depress\w+|depressive disorder|mdd|bipolar\b|borderline personality|bpd|ptsd"
    r"|post-?traumatic stress|schizo\w+|psychosis|ocd|obsessive-compulsive|adhd|anorexia|bulimia|gad\b"
    r"|(?:[a-z-]+ ){0,3}disorder\b"
)
_DIAGNOSIS_EN = re.compile(
    r"\b(?:(?:can|could|should|would|may|might|must) be diagnosed (?:with|as)|(?:my|the) diagnosis (?:is|would be)"
    r"|(?:consistent with|suggests?|supports?|warrants?|indicates?) (?:a|the) diagnosis of"
    r"|meets? (?:the )?(?:diagnostic )?criteria (?:for|of)|i diagnose"
    r"|(?:poster|author|writer|user|person|individual|patient|they|he|she|op) (?:\w+ly )?"
    rf"(?:has|have|suffers? from|is suffering from|lives with|struggles with) (?:an? )?(?:{_ILLNESS_EN}))",
    re.IGNORECASE,
)
_REPORTED_EN = re.compile(
    r"\b(?:mention|stat|say|said|report|claim|writ|wrote|describ|tell|told|explain|admit|not\b|no\b|without|n['’]t\b|if\b"
    r"|whether|doctor|psychiatrist|therapist|believ|think|feel|fear|worr|wonder|ask)",
    re.IGNORECASE,
)
_ILLNESS_ZH = (
    "(?:抑郁症|焦虑症|躁郁症|双相|精神分裂|精神病|强迫症|恐惧症|创伤后应激|人格障碍|厌食症|暴食症|癔症|妄想症"
    "|[^，。；！？]{0,6}(?:障碍|综合征))"
)
_WRITER_ZH = "(?:作者|发帖[者人]|博主|楼主|患者|本人|他|她|其|此人|该用户)"
_DIAGNOSIS_ZH = re.compile(
    "(?:可以?|应当?|应该|能够?|足以|宜|倾向于?)(?:被|初步)?(?:诊断|确诊)|符合[^，。；！？]{0,12}诊断"
    "|(?<![被已曾])(?<!医生)(?<!医院)(?:诊断|确诊)[为是：:]"
    f"|(?:患有|患上|患了|罹患|得了|患的是)[^，。；！？]{{0,6}}{_ILLNESS_ZH}"
    f"|{_WRITER_ZH}(?:很?可能)?(?:是|属于|有)(?:典型的?|明显的?|[重中轻]度的?|严重的?)?{_ILLNESS_ZH}"
)
_REPORTED_ZH = re.compile(
    "提到|提及|自述|自称|声称|写到|写道|说|讲|称|表示|透露|告诉|觉得|认为|怀疑|担心|害怕|是否|若|如果"
    "|医生|医院|曾|朋友|家人|母亲|父亲"
    # A denial reaches no further than its clause: 写睡不着，作者患有抑郁症 is a diagnosis.
    "|(?:没|未|不|无|非)[^，,]*$"
)

_WORD = re.compile("[\u3400-\u9fff]|[^\\W_\u3400-\u9fff]+")
_RUN = 6
# The largest share among 13,218 published English explanations and 14,844 of the open corpus is 0.09.
_REPEATED = 0.2


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


def gives_diagnosis(text: str) -> bool:
    """Whether ``text`` finds an illness in the writer: 患有抑郁症, "has bipolar disorder", "meets the criteria for".

    What the text reports (她说自己确诊了), denies or quotes is no diagnosis, nor is a label's own sentence
    ("suffers from depression").
    """
    own = re.sub('"[^"\n]*"', "", _OTHERS_WORDS.sub("", text))
    for sentence in re.split("(?<=[。；！？!?;\n])|(?<=\\.)\\s", own):
        for pattern, reported in ((_DIAGNOSIS_ZH, _REPORTED_ZH), (_DIAGNOSIS_EN, _REPORTED_EN)):
            found = pattern.search(sentence)
            if found and not reported.search(sentence[: found.start()]):
                return True
    return False


def repeats_itself(text: str) -> bool:
    """Whether more than a fifth of ``text``'s runs of six words (characters, in Chinese) stood there before."""
    runs = word_runs(text, _RUN)
    return len(runs) - len(set(runs)) > _REPEATED * len(runs)


def word_runs(text: str, size: int) -> list[tuple[str, ...]]:
    """Every run of ``size`` words of ``text`` in order, in lower case; a Chinese character is a word."""
    words = _WORD.findall(text.lower())
    return [tuple(words[start : start + size]) for start in range(len(words) - size + 1)]


def _prescribes(clause: str) -> bool:
    found = _ADVICE_ZH.search(clause)
    return found is not None and not _DENIED.search(clause[: found.start()])
