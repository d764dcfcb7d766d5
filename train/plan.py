"""What every step of a run sees: a function of the examples, the settings and the number of ranks, nothing else."""

import random
from bisect import bisect_left, insort
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mentalglm.errors import UserError
from train.config import TrainConfig
from train.shared_prefixes import SharedPrefixes, divide, find_shared_prefixes, tokens_read
from train.tokenized import TokenizedData

Packs = list[list[int]]

_WINDOW = 2048  # examples packed among themselves, so that a pack mixes examples from everywhere


@dataclass(frozen=True)
class Plan:
    """The packs of a run, step by step; ``plan[step][micro_step][pack]`` is a list of example indices.

    Rank r takes the micro-steps r, r + world, … of a step. The packs of a step depend on their number alone, so 4
    micro-steps of one rank and 2 of each of two ranks see the same ones.

    Attributes:
        members: Example indices, pack after pack.
        starts: Where each pack begins in ``members``, and at last where the last one ends; length packs + 1.
        pack_tokens: Tokens of each pack.
        per_step: Packs in a step, over all ranks.
        micro_steps: Micro-steps in a step, over all ranks.
        shared: Which examples of a pack share what they begin with; None where every example is read by itself.
    """

    members: np.ndarray
    starts: np.ndarray
    pack_tokens: np.ndarray
    per_step: int
    micro_steps: int
    shared: SharedPrefixes | None = None

    def __len__(self) -> int:
        """Steps."""
        return len(self.pack_tokens) // self.per_step

    def __getitem__(self, step: int) -> list[Packs]:
        """The packs of each micro-step of ``step``."""
        if not 0 <= step < len(self):
            raise IndexError(step)
        first = step * self.per_step
        bounds = self.starts[first : first + self.per_step + 1].tolist()
        packs = [self.members[start:end].tolist() for start, end in pairwise(bounds)]
        return [packs[k :: self.micro_steps] for k in range(self.micro_steps)]


def plan_steps(data: TokenizedData, config: TrainConfig, world: int) -> Plan:
    """Plans the whole run.

    Every epoch is packed anew. A step may end one epoch and begin the next; only the run's last packs, if they don't
    fill a step, are left out.

    Args:
        data: The encoded training data.
        config: The settings.
        world: The number of ranks.

    Raises:
        UserError: The data don't fill one step.
    """
    micro_steps = config.gradient_accumulation_steps * world
    per_step = config.per_device_train_batch_size * micro_steps
    lengths = data.lengths
    shared = find_shared_prefixes(data) if config.share_prefixes else None
    members, sizes, count = [], [], 0
    for epoch in range(config.num_train_epochs):
        packs = _pack_epoch(lengths.tolist(), shared, config.max_seq_length, seed=config.seed * 1000 + epoch)
        members.append(np.fromiter((index for one in packs for index in one), dtype=np.int32, count=len(lengths)))
        sizes.append(np.fromiter(map(len, packs), dtype=np.int64, count=len(packs)))
        count += len(packs)
        if config.max_steps is not None and count >= config.max_steps * per_step:
            break
    steps = min(count // per_step, config.max_steps or count)
    if not steps:
        raise UserError(
            f"{len(lengths)} examples fill less than one step of {per_step} packs; "
            "lower per_device_train_batch_size, gradient_accumulation_steps or max_seq_length"
        )
    starts = np.concatenate([[0], np.cumsum(np.concatenate(sizes))])[: steps * per_step + 1]
    taken = np.concatenate(members)[: starts[-1]]
    pack_tokens = np.add.reduceat(lengths[taken], starts[:-1])
    if shared is not None:
        bounds = pairwise(starts.tolist())
        pack_tokens = np.array([tokens_read(taken[start:end].tolist(), lengths, shared) for start, end in bounds])
    return Plan(taken, starts, pack_tokens, per_step, micro_steps, shared)


def _pack_epoch(lengths: list[int], shared: SharedPrefixes | None, capacity: int, seed: int) -> Packs:
    if shared is None:
        return pack(lengths, capacity, seed)
    units = divide(shared, lengths, capacity, seed)
    packs = pack([tokens for tokens, _ in units], capacity, seed)
    return [[number for unit in one for number in units[unit][1]] for one in packs]


def pack(lengths: list[int], capacity: int, seed: int) -> Packs:
    """Best-fit decreasing over a shuffled order, in windows so that a pack mixes examples from everywhere.

    Returns:
        Packs of example indices, each at most ``capacity`` tokens long, in an order fixed by ``seed``.
    """
    rng = random.Random(seed)
    order = list(range(len(lengths)))
    rng.shuffle(order)
    packs: Packs = []
    for start in range(0, len(order), _WINDOW):
        window = sorted(order[start : start + _WINDOW], key=lambda i: -lengths[i])
        room: list[tuple[int, int]] = []  # (free tokens, pack), sorted
        for index in window:
            place = bisect_left(room, (lengths[index], -1))
            if place == len(room):
                packs.append([index])
                insort(room, (capacity - lengths[index], len(packs) - 1))
            else:
                free, number = room.pop(place)
                packs[number].append(index)
                insort(room, (free - lengths[index], number))
    rng.shuffle(packs)
    return packs


def scored_weight(data: TokenizedData, packs: Packs) -> float:
    """The summed weight of the scored tokens in ``packs``; an example's first token is predicted by nothing."""
    return float(sum(data.scored_weights[index] for one in packs for index in one))
