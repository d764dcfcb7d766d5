"""Shared beginnings: what may be shared, nothing lost or doubled, and the very same losses and gradients."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tiny import SENTENCES, TASKS, example_messages, tiny_model
from tests.train.encoded import config_of, encoded
from train.loss import AnswerLoss
from train.plan import plan_steps
from train.shared_prefixes import divide, find_shared_prefixes, pairs_compared, runs_of, tokens_read
from train.step import to_batch
from train.tokenized import TokenizedData


def some_data(examples: list[tuple[list[int], int]]) -> TokenizedData:
    """Examples of the ids given, of which all from the given place on are scored."""
    ids = np.array([token for one, _ in examples for token in one], dtype=np.int32)
    scored = np.array([place >= first for one, first in examples for place in range(len(one))])
    offsets = np.cumsum([0, *(len(one) for one, _ in examples)])
    counts = np.array([len(one) - max(1, first) for one, first in examples])
    weights = np.array([1.0 + number % 3 for number in range(len(examples))], dtype=np.float32)
    names = ["r"] * len(examples)
    return TokenizedData(ids, scored, offsets, counts, weights, names, names)


def made(seed: int, posts: int = 6, asked: int = 4) -> TokenizedData:
    """Posts asked about several times, in random order."""
    rng = random.Random(seed)
    examples = []
    for post in range(posts):
        begin = [7, 8, 20 + post, *(rng.randrange(20, 200) for _ in range(rng.randrange(1, 9)))]
        for question in range(rng.randrange(1, asked + 1)):
            answer = [rng.randrange(20, 200) for _ in range(rng.randrange(1, 6))]
            examples.append(([*begin, 10 + question, *answer], len(begin) + 1))
    rng.shuffle(examples)
    return some_data(examples)


def test_a_shared_token_is_neither_scored_nor_predicts_the_first_scored_one() -> None:
    shared = find_shared_prefixes(some_data([([7, 8, 9, 30], 3), ([7, 8, 9, 31, 32], 3), ([7, 50, 51, 52], 3)]))
    assert shared.prefix.tolist() == [2, 2, 0]
    assert shared.family[0] == shared.family[1] != shared.family[2]


@given(st.integers(0, 1000), st.integers(24, 60))
@settings(deadline=None)
def test_units_are_a_partition_within_the_capacity(seed: int, capacity: int) -> None:
    data = made(seed)
    shared = find_shared_prefixes(data)
    units = divide(shared, data.lengths.tolist(), capacity, seed)
    assert sorted(number for _, unit in units for number in unit) == list(range(len(data)))
    for tokens, unit in units:
        assert tokens <= capacity
        if len(unit) > 1:
            first = int(shared.prefix[unit[0]])
            assert len({data[number].ids[:first].tobytes() for number in unit}) == 1
        assert tokens == tokens_read(unit, data.lengths, shared)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_losses_and_gradients_are_those_of_examples_read_apart(seed: int, attention: str) -> None:
    data = made(seed)
    shared = find_shared_prefixes(data)
    pack = [number for _, unit in divide(shared, data.lengths.tolist(), 1000, seed) for number in unit]
    assert any(prefix for prefix, _ in runs_of(pack, shared))
    model = tiny_model()
    model.set_attn_implementation(attention)
    loss = AnswerLoss(model)
    found = []
    for one in (shared, None):
        model.zero_grad()
        total = loss(**to_batch(data, [pack, pack[:2]], 0, "cpu", one))
        total.backward()
        found.append((total.item(), [p.grad.clone() for p in model.parameters() if p.grad is not None]))
    (ours, ours_gradients), (plain, plain_gradients) = found
    assert ours == pytest.approx(plain, rel=1e-5)
    for a, b in zip(ours_gradients, plain_gradients, strict=True):
        assert torch.dist(a, b) <= 1e-4 * b.norm() + 1e-6
    assert tokens_read(pack, data.lengths, shared) < tokens_read(pack, data.lengths, None)
    assert pairs_compared(pack, data.lengths, shared) < pairs_compared(pack, data.lengths, None)


def test_one_post_asked_about_by_every_task_is_read_once(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": f"{task}:{number}", "messages": example_messages(task, post), "task": task, "weight": 1.0}
        for number, post in enumerate(SENTENCES)
        for task in TASKS
    ]
    data = encoded(tmp_path, rows, max_seq_length=512)
    settings = {"max_seq_length": 512, "per_device_train_batch_size": 1, "num_train_epochs": 2}
    together = plan_steps(data, config_of(tmp_path, **settings, share_prefixes=True), 1)
    apart = plan_steps(data, config_of(tmp_path, **settings), 1)
    assert together.pack_tokens.max() <= 512
    assert together.pack_tokens.sum() < 0.9 * apart.pack_tokens.sum()
    seen = sorted(
        number for step in range(len(together)) for packs in together[step] for one in packs for number in one
    )
    assert seen == sorted(2 * list(range(len(data))))
    assert together.shared is not None
    assert len(set(together.shared.family.tolist())) < len(data)
