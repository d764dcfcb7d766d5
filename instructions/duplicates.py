"""The same post twice: exactly, by the hash that held-out posts are known by, or nearly, by MinHash over n-grams.

Near duplicates are looked for in three steps whose cost grows linearly with the number of posts: a signature a post
(16 bands of 5 MinHash values, 128 bytes), candidates that share a whole band, and the true Jaccard similarity of their
n-grams, which alone decides. Two posts of similarity 0.8 share a band with probability 0.998, two of 0.3 with 0.04
(Leskovec, Rajaraman & Ullman, *Mining of Massive Datasets*, chapter 3.4).
"""

import hashlib
import re
import zlib
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np

BANDS = 16
ROWS = 5
# How many unlike posts of one band a post is compared with: a band that very many share (a stock phrase) stays cheap.
_COMPARED = 8
# Exactly what str.isalnum keeps, at the speed of a regular expression.
_DROPPED = re.compile(r"[\W_]+")
_CHINESE = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U000323af]")


def text_key(text: str) -> str:
    """The hash held-out posts are known by: letters and digits only, lower case, first 16 hex digits of sha256."""
    return hashlib.sha256(_normal(text).encode(errors="surrogatepass")).hexdigest()[:16]


def post_key(text: str) -> str:
    """What a post is known by within a build: `text_key`, or where it has no letter or digit its signs themselves."""
    return text_key(text) if _normal(text) else text_key("") + text.strip()


def signature(text: str) -> bytes:
    """The MinHash bands of ``text``, for `near_duplicates`; equal on every machine and in every run."""
    from datasketch import MinHash

    minhash = MinHash(
        BANDS * ROWS, hashfunc=_as_it_is, permutations=_permutations(), scheme="affine32", gpu_mode="disable"
    )
    minhash.update_batch({zlib.crc32(gram.encode(errors="surrogatepass")) for gram in _grams(text)})
    rows = minhash.hashvalues.astype(np.uint64).reshape(BANDS, ROWS)
    # One number a band, so that a band is compared at once; a collision costs a comparison, never a wrong answer.
    bands = rows[:, 0]
    for column in range(1, ROWS):
        bands = bands * np.uint64(0x9E3779B97F4A7C15) ^ rows[:, column]
    return bytes(bands.astype("<u8").tobytes())


def near_duplicates(texts: Sequence[str], signatures: Sequence[bytes], threshold: float = 0.8) -> list[int]:
    """Which texts say nearly the same.

    Two texts belong together when the Jaccard similarity of their n-grams reaches ``threshold``, or when a chain of
    such pairs joins them. Texts whose letters and digits are equal always do.

    Args:
        texts: The posts.
        signatures: `signature` of each.
        threshold: From 0.7 to 1; below that the bands miss pairs.

    Returns:
        For each text the place of the first text of its cluster, its own where it stands alone.
    """
    clusters = Clusters(len(texts))
    first: dict[bytes, int] = {}
    unlike = [place for place, text in enumerate(texts) if clusters.join(first.setdefault(_exact(text), place), place)]
    del first
    for bucket in _buckets(signatures, unlike):
        compared: list[tuple[int, frozenset[str]]] = []
        for place in bucket:
            grams: frozenset[str] | None = None
            for other, others in compared:
                if clusters.find(other) == clusters.find(place):
                    break
                grams = _grams(texts[place]) if grams is None else grams
                if _similar(grams, others, threshold):
                    clusters.join(other, place)
                    break
            else:
                if len(compared) < _COMPARED:
                    compared.append((place, _grams(texts[place]) if grams is None else grams))
    return [clusters.find(place) for place in range(len(texts))]


class Clusters:
    """Union-find whose root is the smallest place of the cluster."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._parent = list(range(size))

    def find(self, place: int) -> int:
        parent = self._parent
        while parent[place] != place:
            parent[place] = place = parent[parent[place]]
        return place

    def join(self, one: int, other: int) -> bool:
        """Joins the clusters of both; whether ``other`` is still the root of its own, that is, nothing was joined."""
        low, high = sorted((self.find(one), self.find(other)))
        self._parent[high] = low
        return low == high


def _buckets(signatures: Sequence[bytes], places: list[int]) -> Iterator[list[int]]:
    """The groups of two and more places that share a band, in a fixed order."""
    if not places:
        return
    chosen = np.array(places)
    table = np.frombuffer(b"".join(signatures[place] for place in places), dtype="<u8").reshape(len(places), BANDS)
    for band in range(BANDS):
        column = table[:, band]
        order = np.argsort(column, kind="stable")
        ordered = column[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        ends = np.r_[starts[1:], len(ordered)]
        for shared in np.flatnonzero(ends - starts > 1):
            yield chosen[order[starts[shared] : ends[shared]]].tolist()


def _similar(one: frozenset[str], other: frozenset[str], threshold: float) -> bool:
    if min(len(one), len(other)) < threshold * max(len(one), len(other)):
        return False
    both = len(one & other)
    return both >= threshold * (len(one) + len(other) - both)


def _normal(text: str) -> str:
    return _DROPPED.sub("", text).lower()


def _exact(text: str) -> bytes:
    return hashlib.sha256(_body(text).encode(errors="surrogatepass")).digest()[:16]


def _body(text: str) -> str:
    """What is compared: letters and digits; of a text without any (emoji, dots) the text itself."""
    return _normal(text) or text.strip()


def _grams(text: str) -> frozenset[str]:
    """The character 3-grams of a Chinese text, 5-grams of any other; a shorter text is one gram."""
    body = _body(text)
    size = 3 if _CHINESE.search(body) else 5
    return frozenset(body[start : start + size] for start in range(max(1, len(body) - size + 1)))


def _as_it_is(value: int) -> int:
    return value


@cache
def _permutations() -> Any:
    from datasketch import MinHash

    return MinHash(BANDS * ROWS, seed=1, scheme="affine32").permutations
