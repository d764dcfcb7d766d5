"""Examples that begin alike, such as one post asked about several tasks: their common beginning is read once.

Under causal attention the states of a prefix don't depend on what follows it, so one copy serves every example that
goes on from there. Losses and gradients are those of examples read apart; only the work is less.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from train.tokenized import TokenizedData

# Questions share the template's first words; to be grouped they must share more than half of what is not scored.
_SHARE = 0.5


@dataclass(frozen=True)
class SharedPrefixes:
    """Which examples go together.

    Attributes:
        family: Of each example, the number of its family; int32. One alone is a family, too.
        prefix: Of each example, how many tokens its family shares; 0 for one alone; int32.
    """

    family: np.ndarray
    prefix: np.ndarray


def find_shared_prefixes(data: TokenizedData) -> SharedPrefixes:
    """Groups the examples of ``data``. A shared token is never a scored one, nor the one that predicts the first."""
    questions = [example.ids[: max(0, int(example.scored[1:].argmax()))] for example in data]
    order = sorted(range(len(questions)), key=lambda number: questions[number].astype(">i4").tobytes())
    family = np.zeros(len(questions), dtype=np.int32)
    prefix = np.zeros(len(questions), dtype=np.int32)
    members: list[int] = []
    shared, count = 0, 0

    def close() -> None:
        nonlocal count
        family[members] = count
        prefix[members] = shared if len(members) > 1 else 0
        count += 1

    for number in order:
        question = questions[number]
        common = _common(questions[members[0]], question, shared) if members else 0
        if members and common > _SHARE * max(len(question), len(questions[members[0]])):
            members.append(number)
            shared = common
        else:
            if members:
                close()
            members, shared = [number], len(question)
    if members:
        close()
    return SharedPrefixes(family, prefix)


def divide(shared: SharedPrefixes, lengths: Sequence[int], capacity: int, seed: int) -> list[tuple[int, list[int]]]:
    """Families cut into units that fit a pack, their members in an order fixed by ``seed``.

    Returns:
        (tokens, example numbers) of each unit, in the order of the families.
    """
    rng = random.Random(seed)
    families: dict[int, list[int]] = {}
    for number, name in enumerate(shared.family.tolist()):
        families.setdefault(name, []).append(number)
    units = []
    for members in families.values():
        rng.shuffle(members)
        prefix = int(shared.prefix[members[0]])
        tokens, unit = prefix, list[int]()
        for number in members:
            own = int(lengths[number]) - prefix
            if unit and tokens + own > capacity:
                units.append((tokens, unit))
                tokens, unit = prefix, []
            tokens += own
            unit.append(number)
        units.append((tokens, unit))
    return units


def runs_of(pack: Sequence[int], shared: SharedPrefixes | None) -> list[tuple[int, list[int]]]:
    """A pack's neighbours of one family: (tokens that they share, example numbers); (0, [one]) for one by itself."""
    if shared is None:
        return [(0, [number]) for number in pack]
    runs: list[tuple[int, list[int]]] = []
    for number in pack:
        if runs and shared.prefix[number] and shared.family[runs[-1][1][0]] == shared.family[number]:
            runs[-1][1].append(number)
        else:
            runs.append((int(shared.prefix[number]), [number]))
    return [(prefix if len(members) > 1 else 0, members) for prefix, members in runs]


def tokens_read(pack: Sequence[int], lengths: np.ndarray, shared: SharedPrefixes | None) -> int:
    """The tokens of a pack, those that several examples share counted once."""
    runs = runs_of(pack, shared)
    return sum(int(lengths[members].sum()) - prefix * (len(members) - 1) for prefix, members in runs)


def pairs_compared(pack: Sequence[int], lengths: np.ndarray, shared: SharedPrefixes | None) -> int:
    """The pairs of tokens of a pack that attention compares: Σ L·(L+1)/2 over lengths L, shared ones counted once."""
    compared = lengths * (lengths + 1) // 2
    runs = runs_of(pack, shared)
    again = sum(prefix * (prefix + 1) // 2 * (len(members) - 1) for prefix, members in runs)
    return int(compared[list(pack)].sum()) - again


def _common(one: np.ndarray, other: np.ndarray, limit: int) -> int:
    length = min(len(one), len(other), limit)
    differ = np.flatnonzero(one[:length] != other[:length])
    return int(differ[0]) if len(differ) else length
