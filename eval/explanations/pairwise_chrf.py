"""chrF of every text against every other one, at once."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from eval.sums import Floats

_ORDER, _BETA = 6, 2


def pairwise_chrf(texts: Sequence[str]) -> Floats:
    """chrF2 (Popović 2015, doi 10.18653/v1/W15-3049) as sacrebleu counts a sentence's, from 0 to 1.

    The matches of two texts are the smaller of their counts of each n-gram. With every repetition as a column of its
    own (the third 永远 of a text is another column than its second), that is a product of two rows of zeros and ones.

    Args:
        texts: N texts; white space does not count.

    Returns:
        Shape ``(N, N)``: row i, column j is text i against reference j. Not symmetric: recall counts for more.
    """
    bare = ["".join(text.split()) for text in texts]
    precision = np.zeros((len(bare), len(bare)))
    recall, orders = precision.copy(), precision.copy()
    for order in range(1, _ORDER + 1):
        found = _grams(bare, order)
        matches = (found @ found.T).toarray()
        total = np.array([max(len(text) - order + 1, 0) for text in bare], float)
        both = (total[:, None] > 0) & (total[None, :] > 0)
        precision += np.where(both, matches / np.maximum(total[:, None], 1), 0)
        recall += np.where(both, matches / np.maximum(total[None, :], 1), 0)
        orders += both
    precision, recall = precision / np.maximum(orders, 1), recall / np.maximum(orders, 1)
    below = _BETA**2 * precision + recall
    return np.divide((1 + _BETA**2) * precision * recall, below, out=np.zeros_like(below), where=below > 0)


def mean_pairwise_chrf(texts: Sequence[str]) -> float | None:
    """The mean over all ordered pairs of different texts; None of fewer than two."""
    if len(texts) < 2:
        return None
    values = pairwise_chrf(texts)
    return float((values.sum() - np.trace(values)) / (len(texts) * (len(texts) - 1)))


def medoid(texts: Sequence[str]) -> int:
    """The place of the text that the others are on average most like, it being the candidate and they the references.

    The first of several; a text that stands there more often is nearer to itself, and so likelier taken.
    """
    return int(pairwise_chrf(texts).mean(axis=1).argmax())


def _grams(texts: Sequence[str], order: int) -> Any:
    """Zeros and ones, a row per text, a column per n-gram and repetition; sparse."""
    from scipy.sparse import csr_matrix

    columns: dict[tuple[str, int], int] = {}
    rows: list[int] = []
    places: list[int] = []
    for row, text in enumerate(texts):
        seen: Counter[str] = Counter()
        for start in range(len(text) - order + 1):
            gram = text[start : start + order]
            seen[gram] += 1
            places.append(columns.setdefault((gram, seen[gram]), len(columns)))
            rows.append(row)
    return csr_matrix((np.ones(len(rows), np.float32), (rows, places)), shape=(len(texts), max(len(columns), 1)))
