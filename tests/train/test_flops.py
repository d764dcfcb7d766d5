"""Operations are counted as a profiler counts them; peaks are found by the names that drivers give."""

import copy
from typing import Any

import pytest

from tests.tiny import tiny_model
from tests.train.published_shapes import model_without_weights
from train.adapters import with_new_adapter
from train.config import Lora
from train.flops import hardware_flops, peak_flops, peak_of, step_flops
from train.model_shape import model_shape


def counted(model: Any, tokens: int) -> int:
    """FLOPs of one forward and backward pass over ``tokens`` tokens, every one scored, as torch counts them."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    ids = torch.arange(tokens).unsqueeze(0) % model.config.vocab_size
    with FlopCounterMode(display=False) as counter:
        model(input_ids=ids, use_cache=False).logits.float().sum().backward()
    return int(counter.get_total_flops())


@pytest.mark.parametrize("tied", [True, False])
def test_full_training_costs_what_torch_counts(tied: bool) -> None:
    model = copy.deepcopy(tiny_model(tied=tied)).train()
    model.set_attn_implementation("eager")
    # Eager attention multiplies whole squares: Σ L² pairs instead of the half that a causal model needs.
    assert step_flops(model_shape(model), 96, 96, 96 * 96) == pytest.approx(counted(model, 96), rel=0.02)


def test_an_adapter_spares_the_gradients_of_frozen_weights() -> None:
    model = with_new_adapter(copy.deepcopy(tiny_model()), Lora(r=2, dropout=0), 0).train()
    model.enable_input_require_grads()  # else torch skips the first layer's input, which the formula does not
    model.set_attn_implementation("eager")
    shape = model_shape(model)
    assert step_flops(shape, 96, 96, 96 * 96) == pytest.approx(counted(model, 96), rel=0.03)
    full = model_shape(copy.deepcopy(tiny_model()))
    assert 0.6 < step_flops(shape, 1000, 0) / step_flops(full, 1000, 0) < 0.85  # 4 of 6, and the adapter's own


def test_the_projection_is_paid_for_scored_tokens_alone() -> None:
    shape = model_shape(tiny_model())
    assert step_flops(shape, 100, 10) - step_flops(shape, 100, 0) == 6 * 10 * shape.vocab * shape.hidden


def test_gradient_checkpointing_is_work_of_the_device_but_not_of_the_model() -> None:
    shape = model_shape(tiny_model())
    assert hardware_flops(shape, 100, 10, 0, checkpointing=False) == step_flops(shape, 100, 10, 0)
    assert (
        hardware_flops(shape, 100, 10, 0, checkpointing=True) == step_flops(shape, 100, 10, 0) + 2 * 100 * shape.active
    )


def test_a_token_of_glm_4_9b_costs_six_operations_per_weight_of_its_layers() -> None:
    shape = model_shape(model_without_weights("zai-org/glm-4-9b-chat-hf"))
    assert shape.active == pytest.approx(9.4e9 - 2 * 151552 * 4096, rel=0.01)
    assert step_flops(shape, 1, 0) == 6 * shape.active


@pytest.mark.parametrize(
    ("name", "teraflops"),
    [
        ("NVIDIA H200", 989.4),
        ("NVIDIA H100 80GB HBM3", 989.4),
        ("NVIDIA H100 PCIe", 756.0),
        ("NVIDIA A100-SXM4-80GB", 312.0),
        ("NVIDIA A800-SXM4-80GB", 312.0),
        ("NVIDIA H800", 989.4),
        ("NVIDIA L40S", 362.05),
        ("NVIDIA L40", 181.05),
        ("NVIDIA L4", 121.0),
        ("NVIDIA GeForce RTX 4090", 165.2),
        ("NVIDIA GeForce RTX 4090 D", 147.0),
        ("Tesla V100-SXM2-32GB", 125.0),
        ("NVIDIA A40", 149.7),
    ],
)
def test_the_peak_of_a_card(name: str, teraflops: float) -> None:
    assert peak_of(name) == teraflops * 1e12


@pytest.mark.parametrize("name", ["NVIDIA A4000", "NVIDIA GeForce GTX 1080", "AMD Instinct MI300X", ""])
def test_an_unknown_card_has_no_peak_rather_than_a_neighbours(name: str) -> None:
    assert peak_of(name) is None


def test_a_cpu_has_no_peak() -> None:
    assert peak_flops("cpu") is None
