"""Every shipped configuration: valid, its figures true, its adapter fits the real model, two steps run as it says."""

import json
from pathlib import Path
from typing import Any

import pytest

from mentalglm.errors import UserError
from tests.tiny import save_tiny
from tests.train.published_shapes import PARAMETERS, model_without_weights, save_scaled_down
from tests.train.runs import ROOT, run_here, write_instructions
from train.config import Lora, TrainConfig
from train.engine import deepspeed_settings, zero_stage
from train.read_config import load_config
from train.read_log import read_log

CONFIGS = sorted((ROOT / "train" / "configs").glob("*.yaml"))
JSONS = sorted((ROOT / "train" / "deepspeed").glob("*.json"))
TWO_STEPS = [path for path in CONFIGS if path.stem != "embedded-pretrain"]  # it makes its own tokenizer first


def load(path: Path, *overrides: str) -> TrainConfig:
    return load_config(path, list(overrides))


OF_THE_HUB = [path for path in CONFIGS if load(path).model in PARAMETERS]
by_name = pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
by_hub_model = pytest.mark.parametrize("path", OF_THE_HUB, ids=lambda path: path.stem)


def test_the_configurations_that_the_documents_name_are_there() -> None:
    names = {path.stem for path in CONFIGS}
    assert names >= {
        "embedded-pretrain",
        "embedded",
        "downstream",
        "glm-edge-1.5b-lora",
        "glm-4-9b-chat-lora-stage1",
        "glm-4-9b-chat-lora-stage2",
        "glm-4-9b-qlora",
        "glm-4-9b-full-zero3",
        "glm-4-32b-lora-zero3-offload",
        "qwen2.5-7b-lora",
    }
    assert len(OF_THE_HUB) >= 7


@by_name
def test_every_shipped_config_is_valid_and_deepspeed_takes_its_settings(path: Path) -> None:
    from deepspeed.runtime.config import DeepSpeedConfig

    config = load(path)
    settings = deepspeed_settings(config, world=1)
    accepted = DeepSpeedConfig(settings)
    assert int(accepted.zero_config.stage) == zero_stage(settings)
    assert accepted.train_micro_batch_size_per_gpu == config.per_device_train_batch_size
    assert accepted.gradient_accumulation_steps == config.gradient_accumulation_steps


@by_name
def test_shipped_configs_say_what_hardware_they_need(path: Path) -> None:
    assert "# Hardware:" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", JSONS, ids=lambda path: path.stem)
def test_every_deepspeed_json_sets_what_its_name_says_and_no_more(path: Path) -> None:
    settings = json.loads(path.read_text(encoding="utf-8"))
    assert set(settings) == {"zero_optimization"}  # all else is the YAML's
    zero = settings["zero_optimization"]
    assert zero["stage"] == int(path.stem[4])
    offloaded = {key for key in zero if key.startswith("offload_")}
    expected = {"offload_optimizer"} | ({"offload_param"} if zero["stage"] == 3 else set())
    assert offloaded == (expected if path.stem.endswith("_offload") else set())
    filled = deepspeed_settings(TrainConfig(output_dir="o", data="d", model="m", deepspeed=path.stem), world=2)
    assert filled["train_batch_size"] == 16


def test_six_ways_to_shard_are_shipped() -> None:
    assert [path.stem for path in JSONS] == ["zero0", "zero1", "zero2", "zero2_offload", "zero3", "zero3_offload"]


@by_hub_model
def test_the_model_has_the_parameters_that_its_comment_counts_with(path: Path) -> None:
    name = str(load(path).model)
    count = sum(parameter.numel() for parameter in model_without_weights(name).parameters())
    assert count == PARAMETERS[name]
    comment = path.read_text(encoding="utf-8")
    assert any(f"{count / 1e9:.{digits}f}e9" in comment for digits in (1, 2))


@pytest.mark.parametrize("path", [p for p in OF_THE_HUB if load(p).trains_adapter], ids=lambda path: path.stem)
def test_the_adapter_fits_the_model_in_its_true_shape(path: Path) -> None:
    from train.adapters import with_new_adapter

    config = load(path)
    lora = config.lora or load(path.with_name(path.name.replace("stage2", "stage1"))).lora
    assert lora is not None
    model = model_without_weights(str(config.model))
    expected = adapter_parameters(model.config, lora)
    adapted = with_new_adapter(model, lora, seed=0)
    trained = [parameter for parameter in adapted.parameters() if parameter.requires_grad]
    assert sum(parameter.numel() for parameter in trained) == expected
    # Two matrices for each of q, k, v, o, down and the gate and up that GLM merges into one.
    merged = 0 if "qwen" in path.stem else 1
    assert len(trained) == 2 * (7 - merged) * model.config.num_hidden_layers
    assert f"{expected / 1e6:.1f}e6" in path.read_text(encoding="utf-8")


def adapter_parameters(config: Any, lora: Lora) -> int:
    """r · (inputs + outputs) of every linear layer but the head, from the numbers of config.json alone."""
    hidden, inner = config.hidden_size, config.intermediate_size
    head_dim = getattr(config, "head_dim", None) or hidden // config.num_attention_heads
    queries, keys = config.num_attention_heads * head_dim, config.num_key_value_heads * head_dim
    attention = 2 * (hidden + queries) + 2 * (hidden + keys)
    gate_and_up = 2 * (hidden + inner) if config.model_type == "qwen2" else hidden + 2 * inner
    return int(config.num_hidden_layers * lora.r * (attention + gate_and_up + inner + hidden))


def test_stage_two_goes_on_where_stage_one_ends() -> None:
    folder = ROOT / "train" / "configs"
    one, two = (load(folder / f"glm-4-9b-chat-lora-stage{number}.yaml") for number in (1, 2))
    assert two.adapter == one.output_dir / "model"
    assert (two.model, two.revision) == (one.model, one.revision)
    assert one.data.parent == two.data.parent


@pytest.mark.slow
@pytest.mark.parametrize("path", TWO_STEPS, ids=lambda path: path.stem)
def test_two_steps_with_the_settings_as_they_stand(path: Path, tmp_path: Path) -> None:
    config = load(path)
    data = write_instructions(write_instructions(tmp_path / "data", 48), 12, "validation")
    name = str(config.model)
    base = save_scaled_down(name, tmp_path / "base") if name in PARAMETERS else save_tiny(tmp_path / "base")
    shorter = [f"model={base}", f"data={data}", "max_seq_length=256", "max_steps=2", "num_train_epochs=3"]
    shorter.append("logging_steps=1")
    if config.eval_steps:
        shorter += ["eval_steps=2", "max_eval_samples=6"]
    if config.adapter is not None:
        first = path.with_name(path.name.replace("stage2", "stage1"))
        assert run_here(first, *shorter, f"output_dir={tmp_path / 'first'}") == 0
        shorter.append(f"adapter={tmp_path / 'first' / 'model'}")
    assert run_here(path, *shorter, f"output_dir={tmp_path / 'out'}") == 0
    course = read_log(tmp_path / "out")
    assert [0 < line["loss"] < 20 for line in course.steps.values()] == [True, True]
    if config.eval_steps:
        assert [0 <= scores["macro_f1"] <= 1 for scores in course.evaluations.values()] == [True]
    saved = tmp_path / "out" / "model"
    weights = "adapter_model.safetensors" if config.trains_adapter else "model.safetensors"
    assert (saved / weights).is_file() and (saved / "mentalglm.json").is_file()


def test_a_json_that_is_not_there_is_named() -> None:
    config = TrainConfig(output_dir="o", data="d", model="m", deepspeed="zero4")
    with pytest.raises(UserError, match=r"'zero4' is neither one of zero0, zero1, zero2, .* nor a file"):
        deepspeed_settings(config, 1)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"train_batch_size": 7}, "train_batch_size is 7, the run's YAML makes it 8; take it out"),
        ({"optimizer": {"type": "Adam"}}, "'optimizer' is decided by the run's YAML"),
        ({"fp16": {"enabled": True}}, "'fp16' is decided by the run's YAML"),
        ([1], "holds no settings"),
    ],
)
def test_a_json_of_ones_own_may_not_contradict_the_yaml(tmp_path: Path, wrong: Any, expected: str) -> None:
    own = tmp_path / "own.json"
    own.write_text(json.dumps(wrong), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        deepspeed_settings(TrainConfig(output_dir="o", data="d", model="m", deepspeed=str(own)), 1)
    assert expected in str(caught.value)
