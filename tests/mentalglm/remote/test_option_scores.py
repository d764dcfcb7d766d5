"""Label probabilities from the tokens of a reply, whoever masks what."""

import asyncio
from collections.abc import Sequence
from math import exp, log

import pytest

from mentalglm.endpoint import Token
from mentalglm.remote.option_scores import Option, option_scores, read_shares

Chances = dict[str, dict[str, float]]  # what stands before -> token -> P


def reply(path: Sequence[str], chances: Chances, only: Sequence[str] | None = None) -> list[Token]:
    """The tokens of ``path``; with ``only``, masked and rescaled to what may lead to one of these texts."""
    tokens, before = [], ""
    for step in path:
        found = chances[before]
        if only is not None:
            found = {t: p for t, p in found.items() if any(text.startswith(before + t) for text in only)}
            found = {t: p / sum(found.values()) for t, p in found.items()}
        others = tuple((t.encode(), log(p)) for t, p in found.items())
        tokens.append(Token(step.encode(), log(found[step]), others))
        before += step
    return tokens


RISK = [Option("风险高。", "高"), Option("风险低。", "低")]
RISK_CHANCES: Chances = {
    "": {"风险": 0.9, "没有": 0.1},
    "风险": {"高": 0.2, "低": 0.5, "不": 0.3},
    "风险低": {"。": 0.9, "！": 0.1},
    "风险高": {"。": 1.0},
}


@pytest.mark.parametrize("masked", [True, False])
def test_shares_are_those_among_the_options_masked_or_not(masked: bool) -> None:
    only = [option.text for option in RISK] if masked else None
    shares = read_shares(reply(["风险", "低", "。"], RISK_CHANCES, only), RISK)
    assert {key: exp(value) for key, value in shares.known.items()} == pytest.approx({"高": 2 / 7, "低": 5 / 7})
    assert shares.open == []


LEVELS = [Option(f"{n}级", str(n)) for n in (1, 2, 10)]
LEVEL_CHANCES: Chances = {"": {"1": 0.6, "2": 0.4}, "1": {"级": 0.25, "0": 0.75}, "2": {"级": 1.0}, "10": {"级": 1.0}}


def test_a_beginning_that_several_share_is_followed_to_its_end() -> None:
    shares = read_shares(reply(["1", "0", "级"], LEVEL_CHANCES), LEVELS)
    assert {key: exp(value) for key, value in shares.known.items()} == pytest.approx({"1": 0.15, "10": 0.45, "2": 0.4})


@pytest.mark.parametrize("bound", [True, False])
def test_a_branch_not_taken_is_asked_about_where_replies_can_be_held_to_it(bound: bool) -> None:
    chances = {**LEVEL_CHANCES, "": {"1": 0.4, "2": 0.6}}
    asked: list[list[str]] = []

    async def ask(options: Sequence[Option]) -> list[Token]:
        texts = [option.text for option in options]
        asked.append(texts)
        return reply(["2", "级"] if "2级" in texts else ["1", "0", "级"], chances, texts)

    found = {key: exp(value) for key, value in asyncio.run(option_scores(ask, LEVELS, bound)).items()}
    if bound:
        assert asked == [["1级", "2级", "10级"], ["1级", "10级"]]
        assert found == pytest.approx({"1": 0.1, "10": 0.3, "2": 0.6})
    else:
        assert len(asked) == 1 and found == pytest.approx({"2": 0.6})


def test_several_texts_may_stand_for_one_thing() -> None:
    options = [Option("没有。", ""), Option("有甲。", "甲"), Option("有甲、", "甲"), Option("有乙。", "乙")]
    chances = {"": {"没有": 0.5, "有": 0.5}, "有": {"甲": 0.75, "乙": 0.25}, "有甲": {"。": 0.5, "、": 0.5}}
    shares = read_shares(reply(["有", "甲"], chances), options)
    assert {key: exp(value) for key, value in shares.known.items()} == pytest.approx(
        {"": 0.5, "甲": 0.375, "乙": 0.125}
    )


def test_pieces_of_a_text_in_other_tokens_count_too() -> None:
    tokens = [Token("风险".encode(), log(0.5), (("风险低。".encode(), log(0.3)), ("风".encode(), log(0.1))))]
    tokens += reply(["风险", "低", "。"], RISK_CHANCES)[1:]
    known = read_shares(tokens, RISK).known
    # 0.3 of 0.9 goes to the low risk at once, the rest (the two beginnings) as the tokens after it.
    assert exp(known["低"]) == pytest.approx(0.3 / 0.9 + 0.6 / 0.9 * 5 / 7)
    assert exp(known["高"]) == pytest.approx(0.6 / 0.9 * 2 / 7)


@pytest.mark.parametrize("path", [[], ["没有"], ["风险"], ["风险", "不"]])
def test_a_reply_that_is_no_option_tells_nothing(path: list[str]) -> None:
    shares = read_shares(reply(path, RISK_CHANCES), RISK)
    assert shares.known == {} and shares.open == []


def test_bytes_of_characters_and_log_nought_are_borne() -> None:
    low, high = "低".encode(), "高".encode()
    tokens = [
        Token("风险".encode(), 0.0),
        Token(low[:1], log(0.5), ((high[:1], log(0.5)), (low[:1], log(0.5)), (b"", -1.0), (b"x", -9999.0))),
        Token(low[1:], 0.0, ((low[1:], 0.0),)),
        Token("。".encode(), 0.0),
    ]
    assert {k: exp(v) for k, v in read_shares(tokens, RISK).known.items()} == pytest.approx({"低": 0.5, "高": 0.5})
