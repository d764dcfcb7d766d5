"""The model a run starts from: what is trained of it, and what is refused before the work begins."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from mentalglm.errors import UserError
from mentalglm.models import EMBEDDED
from mentalglm.models.find import find_model
from tests.mentalglm.models.chatglm_reference import random_weights, settings, write_checkpoint
from tests.tiny import TASKS, save_tiny, tiny_model
from train.adapters import target_modules
from train.config import TrainConfig
from train.model import starting_model
from train.save import save_model

IDS = torch.arange(7, 39)[None]
LAYERS = ["down_proj", "gate_up_proj", "k_proj", "o_proj", "q_proj", "v_proj"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("start") / "base")


def start(base: Path | str, stage: int = 0, **changed: Any) -> Any:
    """The starting model of a run with these settings."""
    config = TrainConfig(output_dir=Path("out"), model=str(base), data=Path("data"), **changed)
    return starting_model(config, {"zero_optimization": {"stage": stage}})[0]


def trained(model: Any) -> dict[str, int]:
    return {name: weight.numel() for name, weight in model.named_parameters() if weight.requires_grad}


def refusal(base: Path | str, stage: int = 0, **changed: Any) -> str:
    with pytest.raises(UserError) as caught:
        start(base, stage, **changed)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def gradients(model: Any) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)  # dropout
    model(input_ids=IDS, labels=IDS, use_cache=False).loss.backward()
    return {name: weight.grad for name, weight in model.named_parameters() if weight.requires_grad}


def test_all_weights_are_trained_without_an_adapter(base: Path) -> None:
    model = start(base)
    assert model.training
    assert sum(trained(model).values()) == sum(weight.numel() for weight in tiny_model().parameters())


def test_all_linear_names_every_linear_layer_but_the_head(base: Path) -> None:
    model = start(base, lora={"r": 4})
    assert sorted(model.peft_config["default"].target_modules) == LAYERS
    assert all("lora_" in name for name in trained(model))
    # A: r × in, B: out × r, of q, k, v, o, gate_up and down in each of two layers.
    shapes = [(32, 32), (32, 16), (32, 16), (32, 32), (32, 128), (64, 32)]
    assert sum(trained(model).values()) == 2 * 4 * sum(inwards + outwards for inwards, outwards in shapes)


def test_other_models_call_their_layers_otherwise() -> None:
    from transformers import Qwen2Config, Qwen2ForCausalLM

    with torch.device("meta"):
        qwen = Qwen2ForCausalLM(Qwen2Config(num_hidden_layers=1, hidden_size=32, vocab_size=64, intermediate_size=64))
    assert target_modules(qwen, "all-linear") == sorted(set(LAYERS) - {"gate_up_proj"} | {"gate_proj", "up_proj"})
    assert target_modules(qwen, "q_proj") == ["q_proj"]
    assert target_modules(qwen, ["layers.0.mlp.up_proj"]) == ["layers.0.mlp.up_proj"]


def test_a_target_that_is_nowhere_is_named_with_those_that_are(base: Path) -> None:
    said = refusal(base, lora={"target_modules": ["q_proj", "query_key_value"]})
    assert said == (
        "lora.target_modules: 'query_key_value' is no linear layer of this model; it has " + ", ".join(LAYERS)
    )
    for name in ("lm_head", "norm", "proj", "model", ""):
        assert "is no linear layer" in refusal(base, lora={"target_modules": name})


def test_an_adapter_starts_as_the_base_and_as_the_seed_says(base: Path) -> None:
    one, same, other = (start(base, lora={}, seed=seed) for seed in (3, 3, 4))
    with torch.no_grad():
        assert torch.equal(one.eval()(input_ids=IDS).logits, tiny_model()(input_ids=IDS).logits)
    name = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight"
    weights = [model.get_parameter(name) for model in (one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_rslora_and_dora_are_what_they_are_called(base: Path) -> None:
    def layer(model: Any) -> Any:
        return model.base_model.model.model.layers[0].self_attn.q_proj

    assert layer(start(base, lora={"r": 4, "alpha": 32})).scaling["default"] == 8
    assert layer(start(base, lora={"r": 4, "alpha": 32, "use_rslora": True})).scaling["default"] == 16
    dora = layer(start(base, lora={"use_dora": True})).lora_magnitude_vector["default"].weight
    weight = tiny_model().model.layers[0].self_attn.q_proj.weight
    assert torch.allclose(dora, weight.norm(dim=1))


def test_bf16_is_one_dtype_throughout(base: Path) -> None:
    for model in (start(base, dtype="bf16"), start(base, dtype="bf16", lora={"use_dora": True})):
        assert {weight.dtype for weight in model.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize("lora", [None, {"dropout": 0.3}])
def test_gradient_checkpointing_changes_no_gradient(base: Path, lora: dict[str, Any] | None) -> None:
    def learned(**changed: Any) -> dict[str, torch.Tensor]:
        model = start(base, lora=lora, **changed)
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.constant_(weight, 0.01)
        return gradients(model)

    plain, spared = learned(), learned(gradient_checkpointing=True)
    assert plain.keys() == spared.keys() and plain
    for name in plain:
        assert torch.equal(plain[name], spared[name]), name
        assert plain[name].abs().max() > 0, name


def test_the_attention_asked_for_is_used(base: Path) -> None:
    assert start(base, attn_implementation="eager").config._attn_implementation == "eager"
    assert start(base, attn_implementation="sdpa", lora={}).config._attn_implementation == "sdpa"
    assert "cannot be loaded" in refusal(base, attn_implementation="fastest")


def trained_adapter(base: Path, folder: Path) -> Path:
    """Stage 1: an adapter whose B is not zero, saved as a run saves it."""
    config = TrainConfig(output_dir=folder, model=str(base), data=folder, lora={"r": 2, "dropout": 0.0})
    model, tokenizer = starting_model(config, {})
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    return save_model(model, tokenizer, config, TASKS)


def test_a_run_goes_on_from_an_adapter(base: Path, tmp_path: Path) -> None:
    first = trained_adapter(base, tmp_path)
    model = start(base, adapter=first)
    names = trained(model)
    assert len(names) == 2 * 6 * 2 and all("lora_" in name for name in names)
    assert model.peft_config["default"].r == 2
    with torch.no_grad():
        moved = model.eval()(input_ids=IDS).logits - tiny_model()(input_ids=IDS).logits
    assert moved.abs().max() > 1e-3
    assert all(grad is not None and grad.abs().max() > 0 for grad in gradients(model).values())


def test_stage_two_is_saved_on_the_base_where_it_is_now(base: Path, tmp_path: Path) -> None:
    first = trained_adapter(base, tmp_path / "one")
    moved = shutil.copytree(base, tmp_path / "moved")
    model = start(moved, adapter=first)
    assert model.peft_config["default"].base_model_name_or_path == str(moved)


def test_an_adapter_of_another_base_is_refused(base: Path, tmp_path: Path) -> None:
    first = trained_adapter(base, tmp_path)
    other = save_tiny(tmp_path / "other", seed=5)
    assert "has other weights" in refusal(other, adapter=first)
    assert "holds no adapter_config.json" in refusal(base, adapter=base)
    said = refusal(first, lora={})
    assert said == f"model: {first} is an adapter; name it under adapter, and its base under model"


def test_the_embedded_model_can_carry_an_adapter() -> None:
    if not EMBEDDED.is_dir():
        pytest.skip("a clone without the embedded model")
    model = start("embedded", lora={"r": 1})
    assert model.peft_config["default"].base_model_name_or_path == "embedded"
    assert find_model("embedded") == EMBEDDED


def test_what_zero_3_cannot_shard_is_refused_with_the_way_out(base: Path, tmp_path: Path) -> None:
    shape = settings()
    write_checkpoint(tmp_path / "chatglm", shape, random_weights(shape))
    said = refusal(tmp_path / "chatglm", stage=3)
    assert "which ZeRO-3 cannot shard while reading; run mentalglm convert" in said
    assert "choose deepspeed: zero2 or below" in refusal(base, stage=3, lora={}, load_in_4bit=True)


def test_a_chatglm_checkpoint_is_trained_as_it_is_otherwise(tmp_path: Path) -> None:
    shape = settings()
    write_checkpoint(tmp_path / "chatglm", shape, random_weights(shape))
    model = start(tmp_path / "chatglm", lora={}, attn_implementation="eager")
    assert sorted(model.peft_config["default"].target_modules) == LAYERS
    assert model.config._attn_implementation == "eager"
