"""Whether two models differ by more than chance, on the same samples."""

from collections.abc import Callable
from typing import Any

import numpy as np

from eval.intervals import SEED, Formula, over_weights
from eval.sums import Floats

PERMUTATIONS = 10_000
_ROUNDING = 1e-12


def permutation_p(
    first: Any, second: Any, formula: Formula, *, permutations: int = PERMUTATIONS, seed: int = SEED
) -> Floats:
    """Two-sided paired permutation test: under chance, each group's two answers could as well be swapped.

    Exact where there are no more ways to swap than ``permutations``, counting only groups whose answers differ; else
    ``(1 + as extreme) / (1 + permutations)`` (Phipson and Smyth 2010), which is never 0.

    Args:
        first: Sums of every group in one run, sparse, shape ``(groups, columns)``.
        second: Those of the same groups in the other.
        formula: Takes totals of shape ``(draws, columns)``, returns metrics of shape ``(draws, metrics)``.
        permutations: How many random swaps.
        seed: The generator's seed.

    Returns:
        Shape ``(metrics,)``; ``nan`` where the difference is undefined.
    """
    apart = (second - first).tocsr()
    apart.eliminate_zeros()
    apart = apart[np.diff(apart.indptr) > 0]
    one, two = (np.asarray(run.sum(axis=0), float).reshape(1, -1) for run in (first, second))
    found: Floats = (formula(two) - formula(one))[0]
    if not apart.shape[0]:
        return np.where(np.isnan(found), np.nan, 1.0)

    exact = apart.shape[0] <= 50 and 2 ** apart.shape[0] <= permutations
    draws = 2 ** apart.shape[0] if exact else permutations
    swaps = _all_swaps(apart.shape[0]) if exact else _random_swaps(apart.shape[0], seed)
    swapped = over_weights(apart, lambda moved: formula(two - moved) - formula(one + moved), swaps, draws)
    # A swap that leaves a metric undefined is no evidence against chance.
    extreme = (~(np.abs(swapped) < np.abs(found) - _ROUNDING)).sum(0)
    p = extreme / draws if exact else (1 + extreme) / (1 + draws)
    return np.where(np.isnan(found), np.nan, p)


def mcnemar_p(first_only: int, second_only: int) -> float:
    """Exact two-sided McNemar test of samples that one run alone got right (McNemar 1947); 1 where there are none."""
    from scipy.stats import binomtest

    discordant = first_only + second_only
    return float(binomtest(first_only, discordant).pvalue) if discordant else 1.0


def adjusted(p: list[float | None], method: str) -> list[float | None]:
    """P-values adjusted for their number; undefined ones are no tests and stay so.

    Args:
        p: The p-values of one family.
        method: ``holm`` (Holm 1979) or ``bonferroni``.
    """
    from statsmodels.stats.multitest import multipletests

    known = [value for value in p if value is not None]
    values = iter(multipletests(known, method=method)[1] if known else [])
    return [None if value is None else float(next(values)) for value in p]


def _random_swaps(groups: int, seed: int) -> Callable[[int], Floats]:
    generator = np.random.default_rng(seed)
    return lambda draws: generator.integers(0, 2, (groups, draws)).astype(float)


def _all_swaps(groups: int) -> Callable[[int], Floats]:
    place = 0

    def some(draws: int) -> Floats:
        nonlocal place
        numbers = np.arange(place, place + draws)
        place += draws
        return (numbers[None, :] >> np.arange(groups)[:, None] & 1).astype(float)

    return some
