"""Windows hold the whole post, overlap, and keep within their limits whatever the text is made of."""

import random
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mentalglm.decoding.windows import MAX_CHARACTERS, split_windows
from tests.tiny import SENTENCES, tiny_tokenizer

ALPHABETS = {
    "Chinese": "".join(SENTENCES),
    "Chinese without a stop": "".join(SENTENCES).replace("，", "").replace("。", ""),
    "Latin": "abc de f",
    "one letter": "a",
    "emoji of many code points": "😀👨\u200d👩\u200d👧🏳️\u200d🌈",
    "white space": " \n\t\u3000",
    "rare characters": "𠀀𡃁龘\u200b\x00",
}


def tokens(text: str) -> int:
    return len(tiny_tokenizer()(text, add_special_tokens=False, split_special_tokens=True)["input_ids"])


def places(text: str, windows: list[str]) -> list[tuple[int, int]]:
    """Where the windows lie; each is looked for from the place where the last one began."""
    found, start = [], 0
    for number, window in enumerate(windows):
        start = text.index(window, start + bool(number))
        found.append((start, start + len(window)))
    return found


def varied(alphabet: str, length: int) -> str:
    # Numbers make every stretch of the text its own, so that a window can only lie in one place.
    draw = random.Random(length)
    text = ""
    while len(text) < length:
        text += "".join(draw.choice(alphabet) for _ in range(7)) + str(len(text))
    return text[:length]


@pytest.mark.parametrize("limit", [16, 50, 200])
@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_windows_cover_everything_and_overlap(alphabet: str, limit: int) -> None:
    text = varied(ALPHABETS[alphabet], 1500)
    windows = split_windows(text, tiny_tokenizer(), limit)
    found = places(text, windows)
    assert len(windows) > 1
    assert found[0][0] == 0 and found[-1][1] == len(text)
    for (_, end), (start, _) in pairwise(found):
        assert start < end  # never a gap, and always something in common
    assert len(set(found)) == len(found)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    text=st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("".join(ALPHABETS.values())), max_size=400),
    limit=st.integers(16, 60),
)
def test_no_window_is_longer_than_it_may_be(text: str, limit: int) -> None:
    windows = split_windows(text, tiny_tokenizer(), limit)
    assert all(tokens(window) <= limit for window in windows)
    assert windows == [text] or len(windows) > 1
    if tokens(text) <= limit:
        assert windows == [text]


@pytest.mark.parametrize("alphabet", ALPHABETS)
@pytest.mark.parametrize("limit", [16, 300])
def test_long_texts_of_every_make_keep_the_limits(alphabet: str, limit: int) -> None:
    draw = random.Random(0)
    text = "".join(draw.choice(ALPHABETS[alphabet]) for _ in range(4000))
    for window in split_windows(text, tiny_tokenizer(), limit):
        assert 0 < tokens(window) <= limit
        assert window in text


def test_neighbours_share_about_a_quarter() -> None:
    text = varied(ALPHABETS["Chinese"], 3000)
    found = places(text, split_windows(text, tiny_tokenizer(), 200))
    shared = [(end - start) / (end - begin) for (begin, end), (start, _) in pairwise(found)]
    assert all(0.1 < share < 0.45 for share in shared)


def test_a_text_within_both_limits_is_its_own_window() -> None:
    assert split_windows("今天还好。", tiny_tokenizer(), 100) == ["今天还好。"]
    assert split_windows("", tiny_tokenizer(), 100) == [""]


def test_no_window_holds_more_characters_than_the_grammar_can_bear() -> None:
    text = varied(ALPHABETS["Chinese"], 3 * MAX_CHARACTERS)
    windows = split_windows(text, tiny_tokenizer(), 1_000_000)
    assert len(windows) > 3 and max(map(len, windows)) <= MAX_CHARACTERS
    assert places(text, windows)[-1][1] == len(text)


@pytest.mark.parametrize("alphabet", ["Chinese", "one letter", "emoji of many code points"])
def test_a_hundred_thousand_characters_are_split_in_no_time(alphabet: str) -> None:
    text = (ALPHABETS[alphabet] * 100_000)[:100_000]
    started = time.process_time()
    windows = split_windows(text, tiny_tokenizer(), 300)
    assert time.process_time() - started < 10  # about a second; a quadratic splitter takes hours
    assert len(windows) > 10 and text.startswith(windows[0]) and text.endswith(windows[-1])
