"""A random but fixed order: what is drawn and in which order it stands depends on the seed and on ids alone."""

import hashlib


def order_key(seed: int, row_id: str) -> str:
    """The place of a row among others: ids reveal the order things were written in, so rows are sorted by this."""
    return hashlib.sha256(f"{seed}:{row_id}".encode()).hexdigest()


def share(seed: int, name: str) -> float:
    """A number in [0, 1) that belongs to ``name``: what falls below a share s is drawn with probability s."""
    return int(order_key(seed, name)[:13], 16) / 16**13
