"""int8 on the CPU: close to fp32, smaller, and the same for a post in any batch."""

from pathlib import Path
from typing import Any

import pytest
import torch

from mentalglm.analyzer import Analyzer
from mentalglm.errors import UserError
from mentalglm.models import load_model
from mentalglm.models.quantize import Int8Linear
from tests.mentalglm.models.chatglm_reference import random_weights, settings, write_checkpoint
from tests.tiny import SENTENCES


@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_is_what_its_integers_and_scales_say(bias: bool) -> None:
    torch.manual_seed(0)
    linear = torch.nn.Linear(96, 40, bias=bias)
    x = torch.randn(3, 5, 96)
    layer = Int8Linear(linear)
    assert layer.weight.dtype == torch.int8 and layer(x).shape == (3, 5, 40)
    scale = x.abs().amax(-1, keepdim=True) / 127
    by_hand = ((x / scale).round() * scale).double() @ (layer.weight * layer.scale[:, None]).double().T
    by_hand = by_hand + (linear.bias if bias else 0)
    assert (layer(x) - by_hand).abs().max() < 1e-5
    assert (layer(x) - linear(x)).norm() < 0.02 * linear(x).norm()


def test_a_token_s_result_does_not_depend_on_its_neighbours() -> None:
    torch.manual_seed(0)
    layer = Int8Linear(torch.nn.Linear(256, 64))
    x = torch.randn(40, 256)
    x[7] *= 1000  # one scale for all would leave the others three bits
    together = layer(x)
    for row in range(40):
        assert torch.equal(layer(x[row : row + 1])[0], together[row])


def test_what_is_not_a_number_stays_so_and_nothing_stays_nothing() -> None:
    layer = Int8Linear(torch.nn.Linear(8, 4, bias=False))
    x = torch.zeros(3, 8)
    x[0, 3], x[1, 3] = torch.nan, torch.inf
    y = layer(x)
    assert not y[0].isfinite().any() and not y[1].isfinite().any() and (y[2] == 0).all()


def logits(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = model(input_ids=torch.tensor([[5, 6, 7, 8, 9, 10]])).logits
    return found


def test_a_model_in_int8_stays_close_and_shrinks(model_folder: Path) -> None:
    full = load_model(str(model_folder), device="cpu")
    small = load_model(str(model_folder), device="cpu", quantization="int8")
    assert (full.quantization, small.quantization) == (None, "int8")
    layers = [module for module in small.model.modules() if isinstance(module, Int8Linear)]
    assert len(layers) == 2 * 6 and small.model.dtype == torch.float32
    assert type(small.model.get_output_embeddings()) is torch.nn.Linear
    error = (logits(small.model) - logits(full.model)).norm() / logits(full.model).norm()
    assert 0 < error < 0.1


@pytest.mark.slow
def test_a_post_s_answer_in_int8_is_the_same_alone_and_in_a_batch() -> None:
    """Of the embedded model, to within what the rounding of attention's sums can move an integer: 0.005."""
    analyzer = Analyzer.load(device="cpu", quantization="int8")
    together = analyzer.analyze(list(SENTENCES), "suicide_risk")
    for post, answer in zip(SENTENCES, together, strict=True):
        alone = analyzer.analyze(post, "suicide_risk")
        assert (alone.labels, alone.evidence) == (answer.labels, answer.evidence)
        assert alone.probabilities == pytest.approx(answer.probabilities, abs=0.005)


@pytest.mark.slow
def test_the_embedded_model_says_in_int8_what_it_says_in_fp32() -> None:
    full = Analyzer.load(device="cpu").analyze(list(SENTENCES), "suicide_risk", labels_only=True)
    small = Analyzer.load(device="cpu", quantization="int8").analyze(list(SENTENCES), "suicide_risk", labels_only=True)
    for one, other in zip(full, small, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=0.1)
    assert sum(one.labels == other.labels for one, other in zip(full, small, strict=True)) >= len(SENTENCES) - 1


def test_a_chatglm_checkpoint_and_an_adapter_are_quantised_too(tmp_path: Path) -> None:
    config = settings()
    folder = write_checkpoint(tmp_path / "glm", config, random_weights(config), dtype=torch.bfloat16)
    small = load_model(str(folder), device="cpu", quantization="int8").model
    error = (logits(small) - logits(load_model(str(folder), device="cpu").model)).norm() / logits(small).norm()
    assert error < 0.1 and {weight.dtype for weight in small.parameters()} == {torch.float32}
    peft = pytest.importorskip("peft")
    base = load_model(str(folder), device="cpu")
    torch.manual_seed(0)
    adapted = peft.get_peft_model(
        base.model, peft.LoraConfig(r=4, target_modules=["o_proj"], task_type="CAUSAL_LM", init_lora_weights=False)
    )
    adapted.save_pretrained(tmp_path / "adapter")
    base.tokenizer.save_pretrained(tmp_path / "adapter")
    full = load_model(str(tmp_path / "adapter"), device="cpu")
    assert full.model.peft_config["default"].base_model_name_or_path == str(folder)
    small = load_model(str(tmp_path / "adapter"), device="cpu", quantization="int8").model
    moved = (logits(full.model) - logits(load_model(str(folder), device="cpu").model)).norm()
    assert (logits(small) - logits(full.model)).norm() < 0.3 * moved
    assert any(isinstance(module, Int8Linear) for module in small.modules())


def test_what_the_device_cannot_do_is_one_line(model_folder: Path) -> None:
    for quantization, reason in (
        ("int4", "quantization 'int4' needs a CUDA device, not 'cpu'; on cpu there is int8"),
        ("int3", "quantization 'int3' is not known; use one of int8, int4"),
    ):
        with pytest.raises(UserError) as caught:
            load_model(str(model_folder), device="cpu", quantization=quantization)
        assert str(caught.value) == reason
