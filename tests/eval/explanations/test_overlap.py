"""BLEU, chrF and ROUGE against sacrebleu and rouge-score, and by hand where these have nothing to say."""

import random
from collections.abc import Callable

import numpy as np
import pytest
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF

from eval.explanations.overlap import bleu, bleu_row, chrf, chrf_row, longest_common, rouge
from eval.explanations.tokens import characters, words_en, words_zh

LETTERS = "我你他不想活了好难过，。今天睡不着 abc dark 12 什么都「没有」\n"


@pytest.fixture(scope="module")
def pairs() -> list[tuple[str, str]]:
    """60 pairs that share a little, among them an empty explanation, one of white space, and two that are equal."""
    chance = random.Random(0)
    texts = ["".join(chance.choices(LETTERS, k=chance.randint(1, 60))) for _ in range(114)]
    said = [text[:20] + other for text, other in zip(texts[:57], texts[57:], strict=True)]
    return [*zip(said, texts[:57], strict=True), ("", "不想活了"), (" \n", "不想活了"), ("今天睡不着", "今天睡不着")]


def totals(row: Callable[[str, str], list[float]], pairs: list[tuple[str, str]]) -> np.ndarray:
    return np.array([row(*pair) for pair in pairs], float)


@pytest.mark.parametrize("tokenize", ["zh", "13a"])
def test_bleu_equals_sacrebleu(tokenize: str, pairs: list[tuple[str, str]]) -> None:
    rows = totals(lambda said, wanted: bleu_row(said, wanted, tokenize), pairs)
    said, wanted = map(list, zip(*pairs, strict=True))
    corpus = BLEU(tokenize=tokenize).corpus_score(said, [wanted]).score / 100
    assert corpus > 0.01 and bleu(rows.sum(0, keepdims=True)) == pytest.approx([corpus])
    each = BLEU(tokenize=tokenize, effective_order=True)
    assert bleu(rows) == pytest.approx([each.sentence_score(one, [other]).score / 100 for one, other in pairs])


def test_chrf_equals_sacrebleu(pairs: list[tuple[str, str]]) -> None:
    rows = totals(chrf_row, pairs)
    said, wanted = map(list, zip(*pairs, strict=True))
    corpus = CHRF().corpus_score(said, [wanted]).score / 100
    assert corpus > 0.1 and chrf(rows.sum(0, keepdims=True)) == pytest.approx([corpus])
    assert chrf(rows) == pytest.approx([CHRF().sentence_score(one, [other]).score / 100 for one, other in pairs])


class Tokenizer:
    """rouge-score's form of a tokenizer."""

    def __init__(self, cut: Callable[[str], list[str]]) -> None:
        self.tokenize = cut


@pytest.mark.parametrize("cut", [characters, words_zh, words_en])
def test_rouge_equals_rouge_score(cut: Callable[[str], list[str]], pairs: list[tuple[str, str]]) -> None:
    reference = RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=Tokenizer(cut))
    found = []
    for said, wanted in pairs:
        scores = rouge(cut(said), cut(wanted))
        expected = reference.score(wanted, said)
        assert scores == pytest.approx(tuple(expected[name].fmeasure for name in scores._fields))
        found.append(scores.rougeL)
    assert 0 < np.mean(found) < 1


def test_degenerate_texts_by_hand() -> None:
    identical, empty, nothing = ("今天睡不着", "今天睡不着"), ("", "今天睡不着"), ("今天睡不着", "")
    bleus = bleu(totals(lambda said, wanted: bleu_row(said, wanted, "zh"), [identical, empty, nothing]))
    chrfs = chrf(totals(chrf_row, [identical, empty, nothing]))
    for scores in (bleus, chrfs):
        assert scores[:2].tolist() == [1.0, 0.0] and np.isnan(scores[2])  # without a reference nothing is judged
    assert bleu(np.array([[1.0, 0, 0, 0, 1, 0, 0, 0, 1, 1]]))[0] == 1.0  # one character, right: no 2-grams to miss
    assert rouge([], ["a"]) == rouge(["a"], []) == rouge([], []) == (0, 0, 0)
    assert rouge(["a"], ["a"]) == (1, 0, 1)  # no pair to share
    assert longest_common("abcde", "badxe") == 3 and longest_common("", "a") == 0


def test_units_are_what_their_names_say() -> None:
    assert characters("他想死，OK 123！𠮷") == ["他", "想", "死", "ok", "123", "𠮷"]
    assert words_zh("心理学家，OK。") == ["心理学家", "ok"]
    assert words_en("I can't sleep.") == ["i", "can", "t", "sleep"]
    assert characters("，。") == words_zh("，。") == words_en("他") == []
