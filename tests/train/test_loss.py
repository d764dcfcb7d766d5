"""The loss: the same whether examples are packed or not, and the same as the plain way to compute it."""

import random

import numpy as np
import pytest
import torch
from torch.nn import functional

from tests.tiny import tiny_model, tiny_tokenizer
from train.data import Example, collate
from train.loss import AnswerLoss


def examples(count: int = 6) -> list[Example]:
    rng = random.Random(5)
    made = []
    for _ in range(count):
        length = rng.randint(3, 20)
        ids = [rng.randrange(7, len(tiny_tokenizer())) for _ in range(length)]
        scored = [rng.random() < 0.6 for _ in ids]
        made.append(Example(np.array(ids), np.array(scored), rng.choice([0.5, 1.0, 2.0])))
    return made


def loss_of(packs: list[list[Example]], smoothing: float = 0.0) -> torch.Tensor:
    batch = {key: torch.from_numpy(value) for key, value in collate(packs, pad=0).items()}
    return AnswerLoss(tiny_model(), smoothing)(**batch)


def plain_loss(example: Example, smoothing: float = 0.0) -> torch.Tensor:
    """One example alone, every logit computed, no mask of ours."""
    ids = torch.from_numpy(example.ids)[None]
    logits = tiny_model()(input_ids=ids).logits[0, :-1]
    each = functional.cross_entropy(logits, ids[0, 1:], reduction="none", label_smoothing=smoothing)
    return example.weight * each[torch.from_numpy(example.scored)[1:]].sum()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_equals_the_plain_computation(smoothing: float) -> None:
    for example in examples():
        assert loss_of([[example]], smoothing).item() == pytest.approx(plain_loss(example, smoothing).item(), rel=1e-5)


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_packed_equals_unpacked(implementation: str) -> None:
    some = examples()
    alone = sum(plain_loss(example).item() for example in some)
    model, before = tiny_model(), tiny_model().config._attn_implementation
    model.set_attn_implementation(implementation)
    try:
        assert loss_of([some]).item() == pytest.approx(alone, rel=1e-5)
        assert loss_of([some[:2], some[2:]]).item() == pytest.approx(alone, rel=1e-5)
        assert loss_of([[example] for example in some]).item() == pytest.approx(alone, rel=1e-5)
    finally:
        model.set_attn_implementation(before)


def test_gradients_of_packed_and_unpacked_are_equal() -> None:
    some, model = examples(), tiny_model()
    packed = torch.autograd.grad(loss_of([some]), list(model.parameters()))
    alone = torch.autograd.grad(sum((plain_loss(example) for example in some), torch.zeros(())), model.parameters())
    for one, other in zip(packed, alone, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_an_example_is_blind_to_its_neighbours_in_a_pack() -> None:
    first, second, third = examples(3)
    silent = Example(third.ids, np.zeros_like(third.scored), third.weight)
    quiet = Example(second.ids, np.zeros_like(second.scored), second.weight)
    assert loss_of([[quiet, first]]).item() == pytest.approx(loss_of([[silent, first]]).item(), rel=1e-5)


def test_nothing_scored_costs_nothing() -> None:
    [example] = examples(1)
    assert loss_of([[Example(example.ids, np.zeros_like(example.scored))]]).item() == 0.0


def test_where_nothing_is_trained_no_gradient_is_computed() -> None:
    weight = tiny_model().get_output_embeddings().weight
    assert weight.requires_grad
    with torch.no_grad(), torch.profiler.profile() as profile:
        loss_of([examples()])
    assert not [event.key for event in profile.key_averages() if event.key in ("aten::addmm_", "aten::scatter_add_")]
