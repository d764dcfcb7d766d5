"""Wrong encodings are undone, and nothing else is touched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instructions.mojibake import is_damaged, repair

SENTENCES = [
    "I don’t know… she said “it’s fine” — really",
    "It’s been a week at the café with José",
    "I’m so tired 😢 and I can’t sleep",
]


@pytest.mark.parametrize("sentence", SENTENCES)
@pytest.mark.parametrize("encoding", ["mac_roman", "cp1252", "latin-1"])
def test_utf8_read_as_something_else_is_repaired(sentence: str, encoding: str) -> None:
    # cp1252 leaves five bytes undefined; readers pass them through as control characters.
    broken = "".join(_read(byte, encoding) for byte in sentence.encode())
    assert is_damaged(broken)
    assert repair(broken) == sentence
    assert not is_damaged(repair(broken))


def test_mojibake_beside_sound_text_is_repaired_in_its_place() -> None:
    assert repair("She said “no” but I donâ€™t care") == "She said “no” but I don’t care"
    assert repair("a – dash, and I can‚Äôt \uf8ff\xfc\xf2\xa2") == "a – dash, and I can’t 😢"
    assert repair("2 – 3 √ó a week, caf√©") == "2 – 3 × a week, café"


@pytest.mark.parametrize("sentence", ["今天又没睡好，什么都不想做！", "我真的很累了", "没关系的，I am OK"])
def test_utf8_read_as_gbk_is_repaired(sentence: str) -> None:
    broken = sentence.encode().decode("gb18030")
    assert broken != sentence
    assert is_damaged(broken)
    assert repair(broken) == sentence


@pytest.mark.parametrize("text", ["睡不\ufffd着", "锟斤拷锟斤拷很累"])
def test_what_is_lost_stays_damaged(text: str) -> None:
    assert repair(text) == text
    assert is_damaged(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "联通",
        "联通的信号不好",
        "「引号」“弯引号” 'straight' „unten‘ «là»",
        "ＦＵＬＬ　ｗｉｄｔｈ１２３，半角",
        "😭👨‍👩‍👧❤️🏳️‍🌈 (╯°□°)╯︵ ┻━┻ ＼(^o^)／",
        "行一\r\n行二\n行三\u2028行四\t制表",
        "naïve café, Ångström, São Paulo, 5 µg, 37 °C, £5, 10–12",
        "ﬁt ﬂat &amp; &lt;3 e\u0301",
        "烫烫烫烫的火锅",
        "√√ 做到了 √，x² + √2 ≈ 3 ¬p",
        "‚Äußerung‘ — “Émile”, …à demain",
        "Ελληνικά и русский и العربية",
    ],
)
def test_sound_text_is_left_alone(text: str) -> None:
    assert repair(text) == text
    assert not is_damaged(text)


@given(st.text(alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF)))
def test_no_chinese_text_is_mistaken_for_mojibake_of_another_script(text: str) -> None:
    assert repair(text) == text or all(sign >= "\u2010" or sign < "\x80" for sign in repair(text))


@given(st.text())
def test_repairing_twice_is_repairing_once(text: str) -> None:
    assert repair(repair(text)) == repair(text)


def _read(byte: int, encoding: str) -> str:
    try:
        return bytes([byte]).decode(encoding)
    except UnicodeDecodeError:
        return chr(byte)
