"""Texts as units: words or characters, for measures that say which in their name."""

import re
from functools import cache
from typing import Any

# A character of Chinese or Japanese by itself; letters and digits of one word, as rouge-score takes them, together.
_IDEOGRAPH = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_CHARACTER = re.compile(f"[{_IDEOGRAPH}]|[^\\W_{_IDEOGRAPH}]+")
_WORD = re.compile(r"[^\W_]")


def characters(text: str) -> list[str]:
    """Chinese characters one by one, other words whole and in lower case; no punctuation."""
    return _CHARACTER.findall(text.lower())


def words_zh(text: str) -> list[str]:
    """Words as jieba cuts them (its own dictionary, HMM on), in lower case; no punctuation."""
    return [word for word in _jieba().lcut(text.lower()) if _WORD.search(word)]


def words_en(text: str) -> list[str]:
    """Words of Latin letters and digits, as rouge-score cuts them without a stemmer."""
    from rouge_score.tokenize import tokenize

    words: list[str] = tokenize(text, None)
    return words


def words(text: str, language: str) -> list[str]:
    """Words of a text in ``zh`` or ``en``."""
    return words_zh(text) if language == "zh" else words_en(text)


@cache
def _jieba() -> Any:
    import jieba

    jieba.setLogLevel("WARNING")
    return jieba.Tokenizer()
