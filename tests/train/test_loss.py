"""The loss: the same whether examples are packed or not, and the same as the plain way to compute it."""

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from tests.tiny import tiny_model, tiny_tokenizer
from train import loss as loss_module
from train.data import Example, collate
from train.loss import AnswerLoss, ProjectedCrossEntropy


def examples(count: int = 6) -> list[Example]:
    rng = random.Random(5)
    made = []
    for _ in range(count):
        length = rng.randint(3, 20)
        ids = [rng.randrange(7, len(tiny_tokenizer())) for _ in range(length)]
        scored = [rng.random() < 0.6 for _ in ids]
        made.append(Example(np.array(ids), np.array(scored), rng.choice([0.5, 1.0, 2.0])))
    return made


def _apart(packs: list[list[Example]]) -> list[list[tuple[int, list[Example]]]]:
    return [[(0, [example]) for example in pack] for pack in packs]


def loss_of(packs: list[list[Example]], smoothing: float = 0.0) -> torch.Tensor:
    batch = {key: torch.from_numpy(value) for key, value in collate(_apart(packs), pad=0).items()}
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


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("rows_at_once", [16, 100])
def test_the_projection_by_pieces_has_the_plain_gradients(
    smoothing: float, rows_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    hidden, weight = torch.randn(37, 8, requires_grad=True), torch.randn(90, 8, requires_grad=True)
    targets, weights = torch.randint(0, 90, (37,)), torch.rand(37)
    monkeypatch.setitem(loss_module.LOGITS_BYTES, "cpu", 4 * 90 * rows_at_once)
    apply: Any = ProjectedCrossEntropy.apply
    ours = apply(hidden, weight, targets, weights, smoothing)
    each = functional.cross_entropy(hidden @ weight.t(), targets, reduction="none", label_smoothing=smoothing)
    plain = (each * weights).sum()
    assert ours.item() == pytest.approx(plain.item(), rel=1e-5)
    for one, other in zip(
        torch.autograd.grad(3 * ours, (hidden, weight)), torch.autograd.grad(3 * plain, (hidden, weight)), strict=True
    ):
        assert torch.allclose(one, other, atol=1e-5)


def test_the_projection_in_bf16_is_near_the_one_in_fp32() -> None:
    torch.manual_seed(0)
    hidden, weight = torch.randn(20, 8), torch.randn(90, 8)
    targets, weights = torch.randint(0, 90, (20,)), torch.ones(20)
    apply: Any = ProjectedCrossEntropy.apply
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        states, table = hidden.to(dtype).requires_grad_(), weight.to(dtype).requires_grad_()
        loss = apply(states, table, targets, weights, 0.0)
        assert loss.dtype == torch.float32
        gradients = torch.autograd.grad(loss, (states, table))
        assert {gradient.dtype for gradient in gradients} == {dtype}
        found.append((loss.item(), gradients))
    assert found[0][0] == pytest.approx(found[1][0], rel=0.02)
    for one, other in zip(found[0][1], found[1][1], strict=True):
        assert (one - other.float()).norm() < 0.02 * one.norm()


def test_neftune_disturbs_training_alone_and_by_the_length_of_the_example() -> None:
    [example] = examples(1)
    batch = {key: torch.from_numpy(value) for key, value in collate(_apart([[example]]), pad=0).items()}
    module = AnswerLoss(tiny_model(), neftune_noise_alpha=5)
    with torch.no_grad():
        assert module.eval()(**batch).item() == AnswerLoss(tiny_model())(**batch).item()
        torch.manual_seed(1)
        first = module.train()(**batch).item()
        torch.manual_seed(1)
        assert module(**batch).item() == first
        assert first != AnswerLoss(tiny_model())(**batch).item()
    embedded, positions = torch.zeros(1, 25, 64), torch.tensor([[*range(4), *range(21)]])
    noise = loss_module._noise(embedded, positions, alpha=5)
    for part, length in ((noise[0, :4], 4), (noise[0, 4:], 21)):
        bound = 5 / (length * 64) ** 0.5
        assert 0.9 * bound < part.abs().max().item() <= bound
