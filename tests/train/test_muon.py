"""Muon: orthogonal steps for matrices, AdamW for the rest, and both in one state."""

import copy

import pytest
import torch

from tests.tiny import tiny_model
from train.config import TrainConfig
from train.muon import MuonAdamW, orthogonal
from train.optimizer import make_optimizer


@pytest.mark.parametrize("shape", [(8, 8), (8, 20), (20, 8), (1, 5)])
def test_singular_values_come_near_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    left, _values, right = torch.linalg.svd(matrix, full_matrices=False)
    found = orthogonal(matrix)
    assert torch.linalg.svdvals(found).sub(1).abs().max() < 0.35
    # The directions are those of the matrix: only the values change.
    assert torch.dist(left.T @ found @ right.T, torch.diag(torch.diagonal(left.T @ found @ right.T))) < 1e-4
    assert orthogonal(1000 * matrix) == pytest.approx(found.numpy(), abs=1e-4)


def test_nothing_becomes_nothing() -> None:
    assert torch.equal(orthogonal(torch.zeros(3, 4)), torch.zeros(3, 4))


def test_torchs_muon_takes_the_same_steps_in_bfloat16() -> None:
    ours, theirs = (torch.nn.Parameter(torch.linspace(-1, 1, 96).view(8, 12).sin()) for _ in range(2))
    start = ours.detach().clone()
    group = {"params": [ours], "muon": True, "weight_decay": 0.1}
    optimizers = (
        MuonAdamW([group], lr=0.01, betas=(0.9, 0.95)),
        torch.optim.Muon([theirs], lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
    )
    for step in range(5):
        gradient = torch.randn(8, 12, generator=torch.Generator().manual_seed(step))
        for parameter, optimizer in zip((ours, theirs), optimizers, strict=True):
            parameter.grad = gradient.clone()
            optimizer.step()
    moved = torch.dist(ours, start)
    assert torch.dist(ours, theirs) < 0.02 * moved


def test_only_the_layers_matrices_are_muons() -> None:
    model = tiny_model()
    settings = {"output_dir": "out", "model": "m", "data": "d", "optimizer": "muon", "weight_decay": 0.1}
    optimizer = make_optimizer(model, TrainConfig.model_validate(settings), offloaded=False)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    turned = {names[id(p)] for group in optimizer.param_groups if group["muon"] for p in group["params"]}
    assert turned == {name for name, p in model.named_parameters() if ".layers." in name and p.ndim == 2}
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(names)
    assert all(group["weight_decay"] == 0 for group in optimizer.param_groups if group["params"][0].ndim < 2)


def test_a_state_goes_on_where_it_was() -> None:
    def steps(optimizer: MuonAdamW, parameters: list[torch.nn.Parameter], first: int) -> None:
        for step in range(first, first + 3):
            for parameter in parameters:
                parameter.grad = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(step))
            optimizer.step()

    def made(parameters: list[torch.nn.Parameter]) -> MuonAdamW:
        matrix, vector = parameters
        groups = [{"params": [matrix], "muon": True, "weight_decay": 0.1}, {"params": [vector], "weight_decay": 0.0}]
        return MuonAdamW(groups, lr=0.01, betas=(0.9, 0.95))

    one = [torch.nn.Parameter(torch.ones(4, 6)), torch.nn.Parameter(torch.ones(6))]
    first = made(one)
    steps(first, one, 0)
    other = copy.deepcopy(one)
    second = made(other)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    steps(first, one, 3)
    steps(second, other, 3)
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("others", [{"deepspeed": "zero2"}, {"lora": {"r": 4}}])
def test_muon_trains_whole_models_on_one_rank_each(others: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="use adamw"):
        TrainConfig.model_validate({"output_dir": "o", "model": "m", "data": "d", "optimizer": "muon"} | others)
