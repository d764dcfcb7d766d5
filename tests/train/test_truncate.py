"""A row that is too long gives up words of its post and nothing else."""

from typing import Any

import pytest
import regex  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from mentalglm.answer import Answer, Quote
from mentalglm.prompt import Messages, build_messages, encode_example, find_post, render_turns, stop_token_id
from mentalglm.tasks import load_task
from tests.tiny import SENTENCES, tiny_tokenizer
from tests.train.encoded import row, turn
from train.truncate import MARK, truncate_row

RISK = load_task("suicide_risk")
FAMILY, FLAG, ACCENT = "👩‍👩‍👧‍👦", "🇨🇳", "e\u0301"
# Read backwards, a sentence is a token a character, so that the post outweighs all else.
PARTS = [sentence[::-1] for sentence in SENTENCES]
LONG = "".join(PARTS)


def asked(post: str, quotes: list[str], reason: str = "如上。", phrasing: int = 0) -> dict[str, Any]:
    answer = Answer((RISK.label_names[0],), tuple(Quote(words) for words in quotes), reason)
    return row(build_messages(post, RISK, "grounded", answer, phrasing))


def length(messages: Messages) -> int:
    return len(encode_example(tiny_tokenizer(), messages)[0])


def half(original: dict[str, Any]) -> int:
    return length(original["messages"]) // 2


def post_of(messages: Messages) -> str:
    found = find_post(messages[0]["content"], RISK)
    assert found is not None
    return messages[0]["content"][slice(*found)]


def characters(text: str) -> list[str]:
    return list(regex.findall(r"\X", text))


def stretches(post: str) -> list[str]:
    """Every stretch of whole characters, in order."""
    whole = characters(post)
    return ["".join(whole[a:b]) for a in range(len(whole)) for b in range(a + 1, len(whole) + 1)]


@st.composite
def long_rows(draw: st.DrawFn) -> tuple[dict[str, Any], list[str]]:
    """A row with stretches of its post quoted in the evidence, and in the reason in other marks."""
    pieces = st.sampled_from([*PARTS, FAMILY, FLAG, ACCENT, "abc def ", "\n"])
    post = "".join(draw(st.lists(pieces, min_size=4, max_size=30)))
    quotes = []
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(post) - 1))
        quotes.append(post[start : start + draw(st.integers(1, 12))].split("\n")[0])
    quotes = [words for words in dict.fromkeys(quotes) if words]
    reason = "因为文字里有" + "、".join(f"“{words}”" for words in quotes[1:]) + "。"
    return asked(post, quotes[:1], reason, draw(st.integers(0, len(RISK.styles["grounded"].variants)))), quotes


@settings(max_examples=50, deadline=None)
@given(long_rows(), st.floats(0.3, 0.99))
def test_what_stays_fits_and_holds_all_that_matters(made: tuple[dict[str, Any], list[str]], share: float) -> None:
    original, quotes = made
    post, limit = post_of(original["messages"]), max(16, int(length(original["messages"]) * share))
    cut = truncate_row(tiny_tokenizer(), original, limit)
    if cut is None:
        holding = [one for one in stretches(post) if all(words in one for words in quotes)]
        least = min(holding, key=len) if quotes else characters(post)[0]
        bare = original["messages"][0]["content"].replace(post, MARK + least + MARK, 1)
        # Of several stretches of the same length, the one that the cut is made around need not be this one.
        assert length([turn("user", bare), original["messages"][1]]) > limit - 30 * (len(quotes) > 0)
        return
    ids, scored = encode_example(tiny_tokenizer(), cut)
    assert len(ids) <= limit
    assert (ids[-1], scored[-1]) == (stop_token_id(tiny_tokenizer()), True)
    assert cut[1:] == original["messages"][1:]
    kept = post_of(cut).removeprefix(MARK).removesuffix(MARK)
    assert cut[0]["content"].replace(post_of(cut), post, 1) == original["messages"][0]["content"]
    assert all(words in kept for words in quotes)
    whole, part = characters(post), characters(kept)
    place = next(n for n in range(len(whole)) if whole[n : n + len(part)] == part)
    assert kept
    if kept != post:  # one more character would not have fitted, but for a few tokens
        largest = max(length([turn("user", character)]) for character in set(whole)) - length([turn("user", "")])
        assert limit - len(ids) <= 6 + largest
    assert post_of(cut).startswith(MARK) == (place > 0 or post.startswith(MARK))


def test_without_quotations_the_beginning_stays() -> None:
    original = asked(LONG, [])
    cut = truncate_row(tiny_tokenizer(), original, length(original["messages"]) - 60)
    assert cut is not None
    kept = post_of(cut)
    assert kept.endswith(MARK)
    assert LONG.startswith(kept.removesuffix(MARK))
    assert length(original["messages"]) - 60 - length(cut) <= 8


def test_a_quotation_at_the_end_keeps_the_end_and_two_apart_keep_all_between() -> None:
    last = asked(LONG, [PARTS[-1][:6]])
    cut = truncate_row(tiny_tokenizer(), last, half(last))
    assert cut is not None
    assert post_of(cut).startswith(MARK)
    assert PARTS[-1][:6] in post_of(cut)
    apart = asked(LONG, [PARTS[3][:6], PARTS[8][:6]])
    cut = truncate_row(tiny_tokenizer(), apart, half(apart))
    assert cut is not None
    assert "".join(PARTS[4:8]) in post_of(cut)
    assert post_of(cut).startswith(MARK)
    assert post_of(cut).endswith(MARK)


def test_quotations_that_cannot_all_stay_leave_the_row_out() -> None:
    both, one = asked(LONG, [PARTS[0][:6], PARTS[-1][:6]]), asked(LONG, [PARTS[0][:6]])
    assert truncate_row(tiny_tokenizer(), both, half(both)) is None
    assert truncate_row(tiny_tokenizer(), one, half(one)) is not None


def test_of_words_that_stand_twice_the_place_that_lets_all_stay_is_kept() -> None:
    post = "好累啊。" + "".join(PARTS[:12]) + "我想睡了。好累啊。"
    original = asked(post, ["好累啊", "我想睡了"])
    cut = truncate_row(tiny_tokenizer(), original, half(original))
    assert cut is not None
    assert "我想睡了。好累啊。" in post_of(cut)


def test_quotation_marks_around_words_of_nobody_s_do_not_matter() -> None:
    original = asked(LONG, [], "这就是所谓“过度自责”，不是原文。")
    assert truncate_row(tiny_tokenizer(), original, half(original)) is not None


@pytest.mark.parametrize("character", [FAMILY, FLAG, "👍🏽", ACCENT, "한"], ids=str.encode)
def test_no_character_is_parted_wherever_the_cut_falls(character: str) -> None:
    original = asked(character * 30, [])
    for limit in range(60, length(original["messages"]), 7):
        cut = truncate_row(tiny_tokenizer(), original, limit)
        if cut is not None:
            assert set(characters(post_of(cut).removesuffix(MARK))) == {character}
    assert truncate_row(tiny_tokenizer(), original, length(original["messages"]) - 1) is not None


def test_a_question_that_is_worded_like_no_task_of_ours_is_never_cut() -> None:
    foreign = row([turn("user", "这条帖子怎么样？" + LONG), turn("assistant", "好。")])
    assert truncate_row(tiny_tokenizer(), foreign, half(foreign)) is None
    assert truncate_row(tiny_tokenizer(), foreign | {"task": "dialogue"}, half(foreign)) is None


def test_an_instruction_longer_than_the_limit_leaves_the_row_out() -> None:
    assert truncate_row(tiny_tokenizer(), asked(LONG, []), 20) is None


def test_a_conversation_task_loses_its_earliest_turns_whole() -> None:
    task = load_task("therapy_engagement")
    turns = [turn(("user", "assistant")[n % 2], sentence) for n, sentence in enumerate(PARTS)]
    lines = render_turns(turns).split("\n")

    def question(quote: str) -> dict[str, Any]:
        answer = Answer((task.label_names[0],), (Quote(quote),), "如上。")
        return row(build_messages("\n".join(lines), task, "grounded", answer), task=task.name)

    limit = half(question(PARTS[15]))
    cut = truncate_row(tiny_tokenizer(), question(PARTS[15]), limit)
    assert cut is not None
    found = find_post(cut[0]["content"], task)
    assert found is not None
    mark, *kept = cut[0]["content"][slice(*found)].split("\n")
    assert mark == MARK
    assert kept == lines[-len(kept) :]
    assert 5 <= len(kept) < 20
    assert length(cut) <= limit
    assert truncate_row(tiny_tokenizer(), question(PARTS[2]), limit) is None


def test_a_dialogue_loses_its_earliest_exchanges_and_keeps_the_system_prompt() -> None:
    talk = [turn("system", "你是助手。")]
    for number in range(0, 20, 2):
        talk += [turn("user", PARTS[number]), turn("assistant", PARTS[number + 1])]
    limit = length(talk) // 2
    cut = truncate_row(tiny_tokenizer(), row(talk, task="dialogue"), limit)
    assert cut is not None
    assert cut[0] == talk[0]
    assert cut[1:] == talk[1 - len(cut) :]
    assert cut[1]["role"] == "user"
    assert 3 <= len(cut) < 21
    assert length(cut) <= limit < length([talk[0], *talk[-len(cut) - 1 :]])
    assert truncate_row(tiny_tokenizer(), row(talk, task="dialogue"), 16) is None
    assert truncate_row(tiny_tokenizer(), row(talk, task="dialogue"), length(talk)) == talk


def test_an_answer_that_quotes_an_earlier_turn_does_not_lose_it() -> None:
    talk = [turn("user", LONG), turn("assistant", "嗯。"), turn("user", "怎么看？")]
    quoting = [*talk, turn("assistant", f"你说「{PARTS[3]}」，很不容易。")]
    assert truncate_row(tiny_tokenizer(), row(quoting, task="dialogue"), 100) is None
    plain = [*talk, turn("assistant", "很不容易。")]
    assert truncate_row(tiny_tokenizer(), row(plain, task="dialogue"), 100) == plain[2:]
