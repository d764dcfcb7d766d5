"""Which parameters are decayed, and how fast each learns."""

from typing import Any

import pytest
import torch

from train.config import TrainConfig
from train.optimizer import make_optimizer, set_learning_rate


class Layer(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lora_A = torch.nn.Linear(3, 2, bias=False)
        self.lora_B = torch.nn.Linear(2, 3, bias=False)
        self.norm = torch.nn.LayerNorm(3)
        self.frozen = torch.nn.Linear(3, 3).requires_grad_(False)


def groups(**settings: Any) -> dict[str, dict[str, Any]]:
    """The group of each trained parameter, by the parameter's name."""
    data = {"output_dir": "out", "model": "m", "data": "d", "weight_decay": 0.3}
    module = Layer()
    optimizer = make_optimizer(module, TrainConfig.model_validate(data | settings), offloaded=False)
    set_learning_rate(optimizer, 0.01)
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    return {names[id(parameter)]: group for group in optimizer.param_groups for parameter in group["params"]}


def test_matrices_decay_vectors_do_not_and_frozen_ones_are_left_out() -> None:
    found = groups()
    assert set(found) == {"lora_A.weight", "lora_B.weight", "norm.weight", "norm.bias"}
    assert found["lora_A.weight"]["weight_decay"] == found["lora_B.weight"]["weight_decay"] == 0.3
    assert found["norm.weight"]["weight_decay"] == found["norm.bias"]["weight_decay"] == 0
    assert {group["lr"] for group in found.values()} == {0.01}


def test_loraplus_lets_b_learn_faster() -> None:
    found = groups(lora={}, loraplus_lr_ratio=16)
    assert found["lora_B.weight"]["lr"] == pytest.approx(0.16)
    assert found["lora_A.weight"]["lr"] == found["norm.weight"]["lr"] == 0.01
