"""How far raters agree beyond chance: kappa, alpha, intraclass correlation, each with a bootstrap interval over items.

Every function returns an :class:`Estimate`. A statistic that its data cannot define is ``nan``, never 0 or 1: no item
that two raters judged, one and the same category everywhere (chance alone explains everything), scores without any
variance. The interval is ``nan`` then too, and with a single item; resamples in which the statistic is undefined are
left out.
"""

from collections.abc import Callable, Hashable, Sequence, Set
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mentalglm.metrics import bootstrap_interval, kappa_of, penalties
from mentalglm.metrics.ordinal import Weights
from mentalglm.metrics.sums import ratio

Floats = NDArray[np.float64]
Level = Literal["nominal", "ordinal", "interval"]
Kind = Literal["A,1", "C,1", "A,k", "C,k"]
Label = TypeVar("Label", bound=Hashable)


@dataclass(frozen=True)
class Estimate:
    """A statistic with its interval.

    Attributes:
        value: The statistic; ``nan`` where it is undefined.
        low: The lower end of the 95 % percentile interval.
        high: The upper end.
        n: How many items entered.
    """

    value: float
    low: float
    high: float
    n: int


def cohen_kappa(
    a: Sequence[Label | None],
    b: Sequence[Label | None],
    weights: Weights = None,
    *,
    order: Sequence[Label] | None = None,
    groups: ArrayLike | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Cohen's kappa of two raters (Cohen 1960; weighted: Cohen 1968).

    Args:
        a: The first rater's category of every item; None where it was not rated. Such items are left out.
        b: The second rater's, of equal length.
        weights: How a disagreement grows with the distance in ``order``; None counts all alike.
        order: The categories in their order; by default those that occur, sorted, which weights need to be numbers.
        groups: Which items belong together, one per item; resamples draw whole groups. Every item alone by default.
        resamples: Bootstrap resamples over items.
        seed: The bootstrap's seed.

    Raises:
        ValueError: The lengths differ, a category is not in ``order``, or weights have no order to go by.
    """
    both = [x is not None and y is not None for x, y in zip(a, b, strict=True)]
    pairs = [(x, y) for x, y, rated in zip(a, b, both, strict=True) if rated and x is not None and y is not None]
    if order is None:
        seen = {value for pair in pairs for value in pair}
        if weights and any(isinstance(value, str) for value in seen):
            raise ValueError("weights need the order of the categories; give order=")
        order = sorted(seen, key=lambda value: (str(type(value)), value))
    places = {value: place for place, value in enumerate(order)}
    unknown = {value for pair in pairs for value in pair} - set(places)
    if unknown:
        raise ValueError(f"categories that are not in order: {', '.join(sorted(map(str, unknown)))}")
    size = len(places)
    codes = np.array([(places[x], places[y]) for x, y in pairs], int).reshape(-1, 2)
    penalty = penalties(size, weights)

    def kappa(codes: NDArray[np.int64]) -> float:
        table = np.bincount(codes[:, 0] * size + codes[:, 1], minlength=size**2).reshape(size, size)
        return float(kappa_of(table.astype(float), penalty))

    return _estimate(kappa, codes, groups=_kept(groups, both), resamples=resamples, seed=seed)


def fleiss_kappa(
    counts: ArrayLike, *, groups: ArrayLike | None = None, resamples: int = 1000, seed: int = 0
) -> Estimate:
    """Fleiss' kappa of any fixed number of raters (Fleiss 1971).

    Args:
        counts: How many raters put each item into each category, shape ``(items, categories)``.
        groups: Which items belong together, one per item; resamples draw whole groups. Every item alone by default.
        resamples: Bootstrap resamples over items.
        seed: The bootstrap's seed.

    Raises:
        ValueError: Items were rated by different numbers of raters, or by one; use :func:`krippendorff_alpha` there.
    """
    table = _table(counts)
    raters = np.unique(table.sum(1))
    if len(table) and (len(raters) != 1 or not raters[0] >= 2):
        raise ValueError("every item needs the same number of raters, two or more; krippendorff_alpha takes any")

    def kappa(table: Floats) -> float:
        each = table.sum(1)
        agreed = ((table**2).sum(1) - each) / (each * (each - 1))
        chance = ((table.sum(0) / table.sum()) ** 2).sum()
        return 1 - _ratio(1 - agreed.mean(), 1 - chance)

    return _estimate(kappa, table, groups=groups, resamples=resamples, seed=seed)


def krippendorff_alpha(
    ratings: ArrayLike,
    level: Level = "nominal",
    *,
    groups: ArrayLike | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Krippendorff's alpha of any number of raters, gaps allowed (Krippendorff 2011).

    Args:
        ratings: Codes or scores, shape ``(items, raters)``; ``nan`` where a rater did not judge an item. Items that
            fewer than two judged are left out.
        level: Whether the numbers are names, ranks or distances.
        groups: Which items belong together, one per item; resamples draw whole groups. Every item alone by default.
        resamples: Bootstrap resamples over items.
        seed: The bootstrap's seed.
    """
    table = _table(ratings)
    values = np.unique(table[~np.isnan(table)])
    counts = np.stack([(table == value).sum(1) for value in values], axis=1) if len(values) else np.zeros((0, 0))
    apart = np.subtract.outer(values, values)
    distance = apart**2 if level == "interval" else (apart != 0).astype(float)
    return _alpha(counts, distance, level == "ordinal", groups, resamples, seed)


def set_alpha(ratings: Sequence[Sequence[Set[Any] | None]], *, resamples: int = 1000, seed: int = 0) -> Estimate:
    """Krippendorff's alpha of whole label sets under the MASI distance (Passonneau 2006).

    MASI is ``1 - jaccard * m`` with m = 1 for equal sets, 2/3 where one holds the other, 1/3 where they overlap, 0
    where they share nothing. Two empty sets are equal.

    Args:
        ratings: Per item the raters' label sets; None where a rater did not judge the item.
        resamples: Bootstrap resamples over items.
        seed: The bootstrap's seed.
    """
    sets = sorted({frozenset(given) for item in ratings for given in item if given is not None}, key=sorted)
    places = {given: place for place, given in enumerate(sets)}
    counts = np.zeros((len(ratings), len(sets)))
    for row, item in enumerate(ratings):
        for given in item:
            if given is not None:
                counts[row, places[frozenset(given)]] += 1
    distance = np.array([[masi_distance(x, y) for y in sets] for x in sets]).reshape(len(sets), len(sets))
    return _alpha(counts, distance, False, None, resamples, seed)


def masi_distance(a: Set[Any], b: Set[Any]) -> float:
    """How far two label sets are apart, 0 to 1 (Passonneau 2006)."""
    if a == b:
        return 0.0
    if not a & b:
        return 1.0
    return 1 - len(a & b) / len(a | b) * (2 / 3 if a < b or b < a else 1 / 3)


def icc(
    ratings: ArrayLike,
    kind: Kind = "A,1",
    *,
    groups: ArrayLike | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Intraclass correlation in the two-way model (McGraw and Wong 1996, tables 4 and 5).

    Args:
        ratings: Scores, shape ``(items, raters)``; items with a ``nan`` are left out.
        kind: ``A`` for absolute agreement or ``C`` for consistency; ``1`` for a single rater or ``k`` for the raters'
            mean.
        groups: Which items belong together, one per item; resamples draw whole groups. Every item alone by default.
        resamples: Bootstrap resamples over items.
        seed: The bootstrap's seed.

    Raises:
        ValueError: ``kind`` is none of the four.
    """
    if kind not in ("A,1", "C,1", "A,k", "C,k"):
        raise ValueError(f"kind {kind!r} is not one of A,1  C,1  A,k  C,k")
    table = _table(ratings)
    whole = ~np.isnan(table).any(1)
    table = table[whole]

    def correlation(table: Floats) -> float:
        n, k = table.shape
        if n < 2 or k < 2:
            return float("nan")
        centred = table - table.mean()
        rows, columns = centred.mean(1), centred.mean(0)
        items = k * (rows**2).sum() / (n - 1)
        error = ((centred - rows[:, None] - columns) ** 2).sum() / ((n - 1) * (k - 1))
        raters = n * (columns**2).sum() / (k - 1) - error if kind[0] == "A" else 0.0
        total = items + (k - 1) * error + k / n * raters if kind[2] == "1" else items + raters / n
        return _ratio(items - error, total)

    return _estimate(correlation, table, groups=_kept(groups, whole), resamples=resamples, seed=seed)


def _alpha(
    counts: Floats, distance: Floats, ordinal: bool, groups: ArrayLike | None, resamples: int, seed: int
) -> Estimate:
    """Alpha from counts of shape ``(items, values)`` and the values' distances, shape ``(values, values)``."""
    judged = counts.sum(1) >= 2
    counts = counts[judged].astype(float)

    def disagreements(counts: Floats, between: Floats) -> Floats:
        each: Floats = ((counts @ between) * counts).sum(1) / (counts.sum(1) - 1)
        return each

    # Ranks lie as far apart as ratings lie between them, so only there a resample changes the distances.
    fixed = np.zeros(len(counts)) if ordinal else disagreements(counts, distance)

    def alpha(counts: Floats, fixed: Floats) -> float:
        totals = counts.sum(0)
        between, observed = distance, fixed
        if ordinal:
            middle = np.cumsum(totals) - totals / 2
            between = np.subtract.outer(middle, middle) ** 2
            observed = disagreements(counts, between)
        return 1 - _ratio(observed.sum() * (totals.sum() - 1), totals @ between @ totals)

    return _estimate(alpha, counts, fixed, groups=_kept(groups, judged), resamples=resamples, seed=seed)


def _kept(groups: ArrayLike | None, kept: ArrayLike) -> ArrayLike | None:
    return None if groups is None else np.asarray(groups)[np.asarray(kept, bool)]


def _table(values: ArrayLike) -> Floats:
    table = np.asarray(values, float)
    if table.ndim != 2 and table.size:
        raise ValueError(f"needs a table of items by raters or categories; the shape is {table.shape}")
    return table if table.ndim == 2 else np.zeros((0, 0))


def _estimate(
    statistic: Callable[..., float], *items: NDArray[Any], groups: ArrayLike | None, resamples: int, seed: int
) -> Estimate:
    value = float(statistic(*items)) if len(items[0]) else float("nan")
    if np.isnan(value):
        return Estimate(value, value, value, len(items[0]))
    low, high = bootstrap_interval(statistic, *items, groups=groups, n=resamples, seed=seed)
    return Estimate(value, float(low), float(high), len(items[0]))


def _ratio(part: float, whole: float) -> float:
    return float(ratio(part, whole))
