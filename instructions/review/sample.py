"""Which explanations are rated: drawn by seed, every task and label in its share, in an order that tells nothing."""

from collections import defaultdict
from collections.abc import Sequence

from instructions.order import order_key
from instructions.records import Record


def draw(records: Sequence[Record], count: int, seed: int) -> list[Record]:
    """Draws at most ``count`` of ``records``.

    Each combination of task and labels gets its share of the sample by largest remainder, at least one where there is
    room for all, and the rows of a share are drawn by a hash of seed and id.
    """
    strata: dict[tuple[str, ...], list[Record]] = defaultdict(list)
    for record in sorted(records, key=lambda record: order_key(seed, record.id)):
        strata[record.task, *record.labels].append(record)
    shares = _shares({name: len(rows) for name, rows in strata.items()}, count)
    drawn = [record for name, rows in strata.items() for record in rows[: shares[name]]]
    return sorted(drawn, key=lambda record: order_key(seed, f"place:{record.id}"))


def _shares(sizes: dict[tuple[str, ...], int], count: int) -> dict[tuple[str, ...], int]:
    """Seats per stratum, none above its size."""
    total = sum(sizes.values())
    count = min(count, total)
    least = 1 if len(sizes) <= count else 0
    shares = {name: max(least, count * size // total) for name, size in sizes.items()}
    # Remainders decide who gets the seats that are left, or gives back those there are too many of.
    remainder = {name: count * size / total - shares[name] for name, size in sizes.items()}
    while (missing := count - sum(shares.values())) != 0:
        step = 1 if missing > 0 else -1
        open_ = [name for name in sizes if (shares[name] < sizes[name] if step > 0 else shares[name] > least)]
        name = max(open_, key=lambda name: (step * remainder[name], name))
        shares[name] += step
        remainder[name] -= step
    return shares
