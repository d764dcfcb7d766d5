"""Means of ratings, and whether two sources differ: over the same posts, by whole groups of posts."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.intervals import detectable, grouped, intervals
from eval.score import number
from eval.sums import Floats


def row_means(scores: Floats) -> Floats:
    """The mean over those who rated a row; ``nan`` where nobody did."""
    rated = ~np.isnan(scores)
    total, count = np.where(rated, scores, 0.0).sum(axis=1), rated.sum(axis=1)
    means: Floats = np.divide(total, count, out=np.full(len(scores), np.nan), where=count > 0)
    return means


def mean_of(values: Floats, groups: NDArray[Any], *, least: bool = False) -> dict[str, Any]:
    """A mean with its interval.

    Args:
        values: One per row; ``nan`` is left out.
        groups: What belongs together; the bootstrap draws whole groups.
        least: Also say the smallest true value other than 0 that would be found 4 times in 5.

    Returns:
        ``value``, ``low``, ``high``, ``n`` and, if asked for, ``detectable``.
    """
    from scipy.sparse import csr_matrix

    kept = ~np.isnan(values)
    values, groups = values[kept], groups[kept]
    if not len(values):
        return {"value": None, "low": None, "high": None, "n": 0, **({"detectable": None} if least else {})}
    sums = grouped(csr_matrix(np.stack([values, np.ones(len(values))], axis=1)), groups)
    value = np.array([values.mean()])
    found = intervals(sums, lambda totals: totals[:, :1] / totals[:, 1:], value)
    ends = {"value": number(value[0]), "low": number(found.low[0]), "high": number(found.high[0]), "n": len(values)}
    if least:
        ends["detectable"] = number(detectable(found.draws)[0]) if len(found.draws) else None
    return ends


def paired_differences(scores: Floats, first: NDArray[np.int64], second: NDArray[np.int64]) -> Floats:
    """Second less first for every post, the mean over raters who rated both; ``nan`` where none did.

    Args:
        scores: Shape ``(rows, raters)``.
        first: The rows of the first source, post by post.
        second: Those of the second, in the same order.
    """
    return row_means(scores[second] - scores[first])


def signed_rank(differences: Floats, groups: NDArray[Any]) -> dict[str, Any]:
    """Wilcoxon's signed rank test (Wilcoxon 1945), ties and zeros by Pratt (1959), two-sided.

    Posts of one group are not independent: their differences enter as one, their mean.

    Args:
        differences: One per post; ``nan`` is left out.
        groups: What belongs together.

    Returns:
        ``n`` groups, how many of them are ``equal``, ``effect`` (matched-pairs rank-biserial correlation, −1 to 1;
        Kerby 2014), and ``p``: 1 where all are equal, None with fewer than two groups.
    """
    from scipy.stats import rankdata, wilcoxon

    kept = ~np.isnan(differences)
    names = np.unique(groups[kept])
    # Rounded, so that equal means of thirds are ties.
    each = np.array([differences[kept & (groups == name)].mean() for name in names]).round(9)
    ranks = rankdata(np.abs(each))
    up, down = ranks[each > 0].sum(), ranks[each < 0].sum()
    found: dict[str, Any] = {"n": len(each), "equal": int((each == 0).sum()), "effect": None, "p": None}
    if len(each) < 2:
        return found
    if up + down == 0:
        return {**found, "effect": 0.0, "p": 1.0}
    p = wilcoxon(each, zero_method="pratt").pvalue
    return {**found, "effect": number((up - down) / (up + down)), "p": number(p)}
