"""The same post twice is found, exactly and nearly; unlike posts stay apart."""

import random
import subprocess
import sys
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instructions.duplicates import near_duplicates, signature, text_key

POST = "今天又是一个人吃饭，同事们说说笑笑地走了，没有人想起来叫我，好像我只是一把椅子。晚上回到家灯也不想开。"
ENGLISH = "I had dinner alone again, my colleagues left laughing and nobody thought of asking me along with them"


def clusters(*texts: str, threshold: float = 0.8) -> list[int]:
    return near_duplicates(texts, [signature(text) for text in texts], threshold)


def test_the_key_is_the_one_of_the_published_lists() -> None:
    assert text_key("今天，很 累！I'm OK_") == text_key("今天很累im ok") == "9684cd941b91777e"
    assert text_key("今天很累") != text_key("今天很类")


def test_the_key_keeps_what_isalnum_keeps() -> None:
    signs = "".join(map(chr, range(0xD800))) + "".join(map(chr, range(0xE000, sys.maxunicode + 1)))
    assert text_key(signs) == text_key("".join(filter(str.isalnum, signs)))
    assert text_key("a" + "".join(sign for sign in signs if not sign.isalnum())) == text_key("a")


@pytest.mark.parametrize("text", [POST, ENGLISH, "好累", "ok", "😭", "。。。", "", "a"])
def test_the_same_words_are_one_cluster(text: str) -> None:
    assert clusters(text, "完全不同的另一句话", text) == [0, 1, 0]


def test_punctuation_case_and_spaces_make_no_difference() -> None:
    assert clusters(ENGLISH, ENGLISH.upper().replace(",", " …")) == [0, 0]
    assert clusters(POST, POST.replace("，", "  ") + "😭😭") == [0, 0]


def test_a_few_changed_words_are_near() -> None:
    assert clusters(POST, POST.replace("回到家", "回了家")) == [0, 0]
    assert clusters(ENGLISH, ENGLISH + " tonight") == [0, 0]


def test_unlike_texts_stay_apart() -> None:
    assert clusters(POST, ENGLISH, POST[:20], "好累", "好困", "😭", "😂", "", "好累啊啊") == list(range(9))


def test_the_threshold_is_on_the_true_similarity() -> None:
    # 3-grams: 40 shared of 40 and 50, that is 0.8.
    signs = [chr(0x4E00 + place) for place in range(60)]
    shorter, longer = "".join(signs[:42]), "".join(signs[:52])
    assert clusters(shorter, longer, threshold=0.8) == [0, 0]
    assert clusters(shorter, longer, threshold=0.81) == [0, 1]


def test_chains_join_and_the_first_text_names_the_cluster() -> None:
    signs = [chr(0x4E00 + place) for place in range(120)]
    chain = ["".join(signs[start : start + 60]) for start in (0, 5, 10, 15)]
    assert clusters("别的话别的话", *reversed(chain)) == [0, 1, 1, 1, 1]
    assert clusters(chain[0], chain[3]) == [0, 1]


def test_nearly_all_planted_pairs_are_found_and_no_other() -> None:
    chance = random.Random(5)
    signs = [chr(0x4E00 + place) for place in range(2000)]
    originals = ["".join(chance.choices(signs, k=150)) for _ in range(400)]
    changed = [_changed(text, 4, chance) for text in originals]
    found = clusters(*originals, *changed)
    assert found[:400] == list(range(400))
    assert sum(found[400 + place] == place for place in range(400)) >= 398


def test_the_result_depends_on_nothing_but_the_texts() -> None:
    code = "from instructions.duplicates import signature; print(signature('今天又是一个人吃饭').hex())"
    runs = {subprocess.check_output([sys.executable, "-c", code], text=True).strip() for _ in range(2)}
    assert runs == {signature("今天又是一个人吃饭").hex()}


def test_one_stock_phrase_in_every_post_stays_cheap() -> None:
    # Every pair is similar enough to share bands, but none is near: all-pairs comparison would take minutes.
    phrase = "".join(chr(0x4E00 + place) for place in range(100))
    texts = [phrase + "".join(chr(0x6000 + (place * 31 + k * 97) % 9000) for k in range(45)) for place in range(1500)]
    signatures = [signature(text) for text in texts]
    start = time.perf_counter()
    near_duplicates(texts, signatures)
    assert time.perf_counter() - start < 20


def test_a_signature_costs_less_than_a_millisecond() -> None:
    signature(POST)
    start = time.perf_counter()
    for _ in range(200):
        signature(POST * 3)
    assert time.perf_counter() - start < 0.2


@given(st.lists(st.text(alphabet="今天很累不想ab 。", max_size=12), max_size=12))
def test_clusters_are_named_by_their_first_text(texts: list[str]) -> None:
    found = clusters(*texts)
    assert len(found) == len(texts)
    for place, name in enumerate(found):
        assert name <= place and found[name] == name
    assert found == clusters(*texts)


@given(st.text())
def test_any_text_has_a_key_and_a_signature(text: str) -> None:
    assert len(text_key(text)) == 16 and len(signature(text)) == 128
    assert text_key(unicodedata.normalize("NFC", text)) == text_key(unicodedata.normalize("NFC", text) + "!")


def _changed(text: str, count: int, chance: random.Random) -> str:
    signs = list(text)
    for place in chance.sample(range(len(signs)), count):
        signs[place] = "某"
    return "".join(signs)
