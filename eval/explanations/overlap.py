"""How much two texts share: n-grams, longest common subsequences, and BLEU and chrF from summed counts.

Scores are between 0 and 1; sacrebleu prints them times 100. BLEU and chrF are the corpus's: counts of all texts added,
one formula at the end. ROUGE is the mean of the texts' F1.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from mentalglm.metrics.sums import Floats, ratio

BLEU_ORDER, CHRF_ORDER, CHRF_BETA = 4, 6, 2
Tokenizer = Callable[[str], list[str]]


def bleu_row(hypothesis: str, reference: str, tokenize: str) -> list[float]:
    """Matches and totals of 1- to 4-grams, and both lengths: 10 numbers that add up over a corpus.

    Args:
        hypothesis: The text to judge.
        reference: The text to hold it against.
        tokenize: sacrebleu's tokenizer, ``zh`` or ``13a``.
    """
    cut = _bleu_tokenizer(tokenize)
    said, wanted = (cut(text.rstrip()).split() for text in (hypothesis, reference))
    pairs = [(_ngrams(said, n), _ngrams(wanted, n)) for n in range(1, BLEU_ORDER + 1)]
    matches = [(mine & theirs).total() for mine, theirs in pairs]
    return [*matches, *(mine.total() for mine, _ in pairs), len(said), len(wanted)]


def bleu(totals: Floats) -> Floats:
    """BLEU (Papineni et al. 2002) of summed :func:`bleu_row`, shape ``(draws, 10)``.

    Exponential smoothing and effective order as sacrebleu's ``BLEU(effective_order=True)``: equal to its default
    wherever the corpus holds a 4-gram.
    """
    matches, total = totals[:, :BLEU_ORDER], totals[:, BLEU_ORDER : 2 * BLEU_ORDER]
    said, wanted = totals[:, -2], totals[:, -1]
    known = total > 0
    halved = 0.5 ** np.cumsum((matches == 0) & known, axis=1)
    smooth = np.where(matches > 0, matches, halved) / np.where(known, total, 1)
    precision = np.where(known, np.log(np.where(known, smooth, 1)), 0).sum(1) / np.maximum(known.sum(1), 1)
    penalty = np.minimum(0, 1 - ratio(wanted, said))
    score: Floats = np.where(matches.sum(1) > 0, np.exp(np.nan_to_num(penalty) + precision), 0.0)
    return np.where(wanted > 0, score, np.nan)


def chrf_row(hypothesis: str, reference: str) -> list[float]:
    """Of 1- to 6-grams of characters without white space: how many are said, wanted and both; 18 numbers."""
    said, wanted = ("".join(text.split()) for text in (hypothesis, reference))
    pairs = [(_characters(said, n), _characters(wanted, n)) for n in range(1, CHRF_ORDER + 1)]
    # What has no counterpart of its length counts as nothing said, as sacrebleu has it.
    said_total = [mine.total() if theirs else 0 for mine, theirs in pairs]
    return [*said_total, *(theirs.total() for _, theirs in pairs), *((mine & theirs).total() for mine, theirs in pairs)]


def chrf(totals: Floats) -> Floats:
    """chrF (Popović 2015) of summed :func:`chrf_row`, shape ``(draws, 18)``: orders up to 6, β = 2, as sacrebleu's."""
    said, wanted, both = np.split(totals, 3, axis=1)
    used = (said > 0) & (wanted > 0)
    orders = used.sum(1)
    precision = ratio(np.where(used, np.nan_to_num(ratio(both, said)), 0).sum(1), orders)
    recall = ratio(np.where(used, np.nan_to_num(ratio(both, wanted)), 0).sum(1), orders)
    score = np.nan_to_num(ratio((1 + CHRF_BETA**2) * precision * recall, CHRF_BETA**2 * precision + recall))
    return np.where(wanted.sum(1) > 0, score, np.nan)


class Rouge(NamedTuple):
    """F1 by n-grams of one and two units, and by the longest common subsequence (Lin 2004)."""

    rouge1: float
    rouge2: float
    rougeL: float


def rouge(hypothesis: Sequence[str], reference: Sequence[str]) -> Rouge:
    """ROUGE of two lists of units, equal to rouge-score's; 0 where one is empty."""
    found = []
    for n in (1, 2):
        said, wanted = _ngrams(hypothesis, n), _ngrams(reference, n)
        found.append(_f1((said & wanted).total(), said.total(), wanted.total()))
    common = longest_common(hypothesis, reference)
    return Rouge(found[0], found[1], _f1(common, len(hypothesis), len(reference)))


def longest_common(first: Sequence[str], second: Sequence[str]) -> int:
    """The length of the longest common subsequence, a whole row of the table in one addition (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for place, unit in enumerate(first):
        places[unit] = places.get(unit, 0) | 1 << place
    every = (1 << len(first)) - 1
    row = every
    for unit in second:
        step = row & places.get(unit, 0)
        row = (row + step | row - step) & every
    return len(first) - row.bit_count()


def _f1(both: int, said: int, wanted: int) -> float:
    return 2 * both / (said + wanted) if both else 0.0


def _ngrams(units: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(units[start:] for start in range(n)), strict=False))


def _characters(text: str, n: int) -> Counter[str]:
    return Counter(text[start : start + n] for start in range(len(text) - n + 1))


@cache
def _bleu_tokenizer(name: str) -> Callable[[str], str]:
    from sacrebleu.metrics.bleu import BLEU

    made: Callable[[str], str] = BLEU(tokenize=name).tokenizer
    return made


bleu_zh_row = partial(bleu_row, tokenize="zh")
bleu_13a_row = partial(bleu_row, tokenize="13a")
