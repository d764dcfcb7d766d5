"""Advice and levels are found in an explanation's own words, and not in denials or quotations."""

import pytest

from mentalglm.text_checks import gives_advice, names_level, unquoted_words


@pytest.mark.parametrize(
    "text",
    [
        "意图不明，宜由人工再看一眼。",
        "由母亲转述，应交人工研判。",
        "没有自伤意思，建议留意。",
        "仍要尽快由人细看。",
        "情形值得持续关注。",
        "你应该多休息，也可以和家人谈谈。",
        "请拨打心理援助热线。",
        "The poster is in pain and should seek professional help.",
        "You need to talk to someone.",
    ],
)
def test_advice_is_found(text: str) -> None:
    assert gives_advice(text)


@pytest.mark.parametrize(
    "text",
    [
        "没有任何需要留意的内容，属于日常表达。",
        "语气轻快，不需要干预。",
        "「应该去看医生」是旁人的话，本人没有流露痛苦。",
        "上级转述“建议尽快就医”，她没有回应。",
        "身体反应剧烈，是情绪的直接结果。",
        "The poster says that nothing helps, which shows hopelessness.",
    ],
)
def test_a_description_is_no_advice(text: str) -> None:
    assert not gives_advice(text)


@pytest.mark.parametrize("text", ["方式未明，定为五级。", "对应 7 级。", "达到10级", "risk level 6", "停在这一级。"])
def test_a_level_is_found(text: str) -> None:
    assert names_level(text)


@pytest.mark.parametrize("text", ["上级在群里点名。", "他考过了「八级」。", "从三楼的台阶说起。", "年级里都在笑。"])
def test_other_words_with_the_same_character_are_no_level(text: str) -> None:
    assert not names_level(text)


def test_words_nobody_wrote_are_listed_in_order() -> None:
    assert unquoted_words("由「没人在意」和「永远」推出，又见「很累」。", "反正没人在意，我很累") == ["永远"]
    assert unquoted_words("没有引文。", "随便") == []
