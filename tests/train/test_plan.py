"""The plan: nothing is lost or doubled, packs are full, and ranks and micro-steps share the same ones."""

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentalglm.errors import UserError
from tests.train.encoded import config_of, data_of
from train.plan import Plan, pack, plan_steps, scored_weight

LENGTHS = [10 + number * 7 % 50 for number in range(300)]


def planned(world: int = 1, lengths: list[int] = LENGTHS, **settings: Any) -> Plan:
    config = {"max_seq_length": 64, "per_device_train_batch_size": 2} | settings
    return plan_steps(data_of(lengths), config_of(Path("data"), **config), world)


def members(plan: Plan) -> list[int]:
    return [index for step in range(len(plan)) for packs in plan[step] for one in packs for index in one]


@given(st.lists(st.integers(1, 50), max_size=120), st.integers(50, 80), st.integers(0, 5))
def test_packs_are_a_partition_within_the_capacity(lengths: list[int], capacity: int, seed: int) -> None:
    packs = pack(lengths, capacity, seed)
    assert sorted(index for one in packs for index in one) == list(range(len(lengths)))
    filled = sorted(sum(lengths[index] for index in one) for one in packs)
    assert all(0 < length <= capacity for length in filled)
    # Best fit leaves no two packs that would go into one.
    assert len(filled) < 2 or filled[0] + filled[1] > capacity
    assert packs == pack(lengths, capacity, seed)


def test_packing_many_windows_loses_nothing_and_the_seed_decides() -> None:
    lengths = [1 + (7 * number) % 50 for number in range(5000)]
    packs = pack(lengths, 64, 0)
    assert sorted(index for one in packs for index in one) == list(range(5000))
    assert max(sum(lengths[index] for index in one) for one in packs) <= 64
    assert packs != pack(lengths, 64, 1)


def test_packs_of_a_corpus_are_full() -> None:
    """Lengths spread as those of the open corpus are: about 130 tokens, few above 250."""
    chance = random.Random(0)
    lengths = [min(512, max(60, round(chance.gauss(127, 30)))) for _ in range(11_000)]
    packs = pack(lengths, 512, 0)
    assert sum(lengths) / len(packs) / 512 > 0.97


def test_a_step_holds_what_it_should_and_steps_beyond_the_last_are_refused() -> None:
    plan = planned(world=2, gradient_accumulation_steps=3, num_train_epochs=2)
    for step in range(len(plan)):
        assert [len(packs) for packs in plan[step]] == [2] * 6
    tokens = [sum(LENGTHS[index] for index in one) for packs in plan[0] for one in packs]
    assert max(tokens) <= 64
    assert sorted(tokens) == sorted(plan.pack_tokens[:12].tolist())
    with pytest.raises(IndexError):
        plan[len(plan)]
    with pytest.raises(IndexError):
        plan[-1]


def test_every_epoch_sees_every_example_once_and_only_the_run_s_last_packs_are_left_out() -> None:
    plan = planned(num_train_epochs=3, gradient_accumulation_steps=4)
    seen = [members(plan).count(index) for index in range(len(LENGTHS))]
    assert max(seen) == 3
    # 8 packs of at most 4 examples don't fill a step at most.
    assert 3 * len(LENGTHS) - sum(seen) < 8 * 4
    assert len(plan) == sum(len(pack(LENGTHS, 64, epoch)) for epoch in range(3)) // 8


def test_more_ranks_and_fewer_micro_steps_see_the_same_packs() -> None:
    four = planned(world=1, gradient_accumulation_steps=4)
    two = planned(world=2, gradient_accumulation_steps=2)
    eight = planned(world=1, gradient_accumulation_steps=1, per_device_train_batch_size=8)
    assert len(four) == len(two) == len(eight) > 3
    for step in range(len(four)):
        assert four[step] == two[step]
        assert sorted(one for packs in four[step] for one in packs) == sorted(eight[step][0])


def test_the_seed_and_the_epoch_decide_the_order() -> None:
    assert members(planned()) == members(planned())
    assert members(planned()) != members(planned(seed=1))
    once = len(pack(LENGTHS, 64, 0)) // 2
    two_epochs = planned(num_train_epochs=2)
    assert [two_epochs[step] for step in range(once)] == [planned()[step] for step in range(once)]
    assert two_epochs[once + 1] not in [two_epochs[step] for step in range(once)]


def test_max_steps_ends_the_plan_and_cannot_outgrow_the_epochs() -> None:
    assert len(planned(max_steps=3)) == 3
    assert len(planned(num_train_epochs=50, max_steps=3)) == 3
    assert len(planned(max_steps=10_000)) == len(planned())
    assert planned(max_steps=3)[2] == planned()[2]


def test_data_that_do_not_fill_a_step_are_refused_but_epochs_add_up() -> None:
    with pytest.raises(UserError, match="3 examples fill less than one step of 8 packs; lower per_device"):
        planned(lengths=[40, 40, 40], per_device_train_batch_size=8)
    assert len(planned(lengths=[40, 40, 40], per_device_train_batch_size=8, num_train_epochs=6)) == 2


def test_the_weight_of_a_step_is_that_of_its_scored_tokens() -> None:
    data = data_of([5, 2, 7], scored=3, weight=0.5)
    # The second example's only predicted token is its last.
    assert data.scored_weights.tolist() == [1.5, 0.5, 1.5]
    assert scored_weight(data, [[0, 1], [2]]) == 3.5
    assert scored_weight(data, []) == 0.0
