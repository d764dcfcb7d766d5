"""A ChatGLM-format checkpoint gives, natively loaded, the logits of the architecture's published description."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from mentalglm.analyzer import Analyzer
from mentalglm.errors import UserError
from mentalglm.models import load_model
from tests.mentalglm.models.chatglm_reference import forward, random_weights, settings, write_checkpoint

SHAPES: dict[str, dict[str, Any]] = {
    "as glm-4-9b-chat": {},
    "as glm-4-9b": {"rope_ratio": 1, "seq_length": 256},
    "as glm-4-9b-chat-1m": {"multi_query_group_num": 4, "num_attention_heads": 8, "rope_ratio": 10000},
    "one group, no bias": {"multi_query_group_num": 1, "add_qkv_bias": False},
    "as many groups as heads": {"multi_query_group_num": 4, "layernorm_epsilon": 1e-5},
    "heads wider than the model": {"kv_channels": 32, "num_attention_heads": 6, "multi_query_group_num": 3},
    "heads narrower than the model": {"kv_channels": 4, "num_layers": 3, "num_hidden_layers": 3, "hidden_size": 40},
}
TOKENS = [5, 900, 6, 7, 8, 5, 5, 301, 1023, 0, 77, 400, 12, 13, 14, 2]


def changed(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **values}), encoding="utf-8")


def refusal(folder: Path) -> str:
    with pytest.raises(UserError) as caught:
        load_model(str(folder), device="cpu")
    message = str(caught.value)
    assert "\n" not in message and len(message) < 500
    return message


@pytest.mark.parametrize("shape", SHAPES)
def test_the_logits_are_those_of_the_description(tmp_path: Path, shape: str) -> None:
    config = settings(**SHAPES[shape])
    weights = random_weights(config)
    folder = write_checkpoint(tmp_path / "glm", config, weights)
    loaded = load_model(str(folder), device="cpu")
    assert type(loaded.model).__name__ == "GlmForCausalLM" and not loaded.model.training
    with torch.inference_mode():
        ours = loaded.model(input_ids=torch.tensor([TOKENS])).logits[0]
    theirs = forward(config, weights, TOKENS)
    assert theirs.abs().max() > 1 and (ours - theirs).abs().max() < 1e-4
    assert not (folder / "ran").exists()


def test_a_wrong_rotation_would_be_seen(tmp_path: Path) -> None:
    config = settings()
    weights = random_weights(config)
    right = forward(config, weights, TOKENS)
    assert (right - forward(settings(rope_ratio=1), weights, TOKENS)).abs().max() > 1e-2


def test_it_analyses_and_its_answers_stop_where_the_next_turn_would_open(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "glm", settings(eos_token_id=[400, 9, 1020]), random_weights(settings()))
    loaded = load_model(str(folder), device="cpu")
    opened = [
        loaded.tokenizer.convert_tokens_to_ids(token) for token in ("<|endoftext|>", "<|user|>", "<|observation|>")
    ]
    assert loaded.model.generation_config.eos_token_id == sorted({9, 400, *opened})
    assert loaded.model.generation_config.pad_token_id == opened[0]
    answer = Analyzer.load(str(folder), device="cpu").analyze("今天又没有睡好。", "suicide_risk")
    assert answer.parsed and answer.labels


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_the_dtype_is_the_one_asked_for_whatever_is_stored(tmp_path: Path, dtype: str) -> None:
    folder = write_checkpoint(tmp_path / "glm", settings(), random_weights(settings()), dtype=torch.bfloat16)
    model = load_model(str(folder), device="cpu", dtype=dtype).model
    assert {str(weight.dtype) for weight in model.parameters()} == {
        {"fp32": "torch.float32"}.get(dtype, "torch.bfloat16")
    }


def test_an_inner_table_that_old_versions_stored_is_left_out(tmp_path: Path) -> None:
    weights = {**random_weights(settings()), "transformer.rotary_pos_emb.inv_freq": torch.ones(2)}
    loaded = load_model(str(write_checkpoint(tmp_path / "glm", settings(), weights)), device="cpu")
    assert loaded.model.model.rotary_emb.inv_freq[1] < 0.1


# What cannot be expressed, and what is damaged.


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rmsnorm", False),
        ("post_layer_norm", False),
        ("apply_residual_connection_post_layernorm", True),
        ("add_bias_linear", True),
        ("multi_query_attention", False),
        ("original_rope", False),
        ("fp32_residual_connection", True),
        ("quantization_bit", 4),
        ("pre_seq_len", 128),
        ("vision_config", {"hidden_size": 8}),
        ("rope_scaling", {"factor": 2}),
        ("num_layers", 0),
        ("num_layers", "two"),
        ("num_layers", None),
        ("num_hidden_layers", 3),
        ("multi_query_group_num", 3),
        ("kv_channels", 6),
        ("rope_ratio", "high"),
    ],
)
def test_a_setting_that_cannot_be_expressed_is_refused_by_its_name(tmp_path: Path, key: str, value: Any) -> None:
    folder = write_checkpoint(tmp_path / "glm", settings(), random_weights(settings()))
    changed(folder / "config.json", **{key: value})
    message = refusal(folder)
    assert message.startswith(f"{folder / 'config.json'}: {key}: ") and message.endswith(f"the value is {value}")


def rewrite(folder: Path, number: int, **weights: torch.Tensor | None) -> None:
    path = folder / f"model-0000{number}-of-00002.safetensors"
    merged = {**load_file(path), **{name.replace("__", "."): weight for name, weight in weights.items()}}
    save_file({name: weight for name, weight in merged.items() if weight is not None}, path, {"format": "pt"})


def test_damaged_weights_are_one_line(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "glm", settings(), random_weights(settings()))
    rewrite(folder, 2, transformer__output_layer__weight=None)
    assert "is incomplete: 1 weights are missing, such as lm_head.weight" in refusal(folder)
    rewrite(folder, 2, transformer__output_layer__weight=torch.ones(3, 4))
    assert "lm_head.weight has shape (3, 4); config.json says (1024, 32)" in refusal(folder)
    rewrite(
        folder, 2, transformer__output_layer__weight=torch.ones(1024, 32), transformer__vision__weight=torch.ones(1)
    )
    assert "the native GLM class has no weight 'transformer.vision.weight'" in refusal(folder)
    (folder / "model-00002-of-00002.safetensors").write_bytes(b"version https://git-lfs")
    assert "model-00002-of-00002.safetensors cannot be read" in refusal(folder)
    (folder / "model-00002-of-00002.safetensors").unlink()
    assert "is incomplete: model-00002-of-00002.safetensors is missing" in refusal(folder)
    changed(folder / "model.safetensors.index.json", weight_map={"a": "../elsewhere.bin"})
    assert "which is no .safetensors file beside it" in refusal(folder)


def test_a_merged_weight_of_another_split_is_refused(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "glm", settings(), random_weights(settings()))
    changed(folder / "config.json", multi_query_group_num=4)
    assert "query_key_value.bias has 64 rows; config.json says 32 + 2 · 32" in refusal(folder)


def test_pickled_weights_are_never_read(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "glm", settings(), random_weights(settings()))
    for path in folder.glob("*.safetensors"):
        path.rename(path.with_suffix(".bin"))
    assert "pickled weights are never read" in refusal(folder)


_PEAK = """
import sys
from pathlib import Path
import torch
from mentalglm.models.chatglm import load_weights, native_config
folder, mark = Path(sys.argv[1]), Path("/proc/self/status")
def said(key):
    return int(next(line for line in mark.read_text().splitlines() if line.startswith(key)).split()[1]) * 1024
config = native_config(folder)
load_weights(Path(sys.argv[2]), native_config(Path(sys.argv[2])), torch.float32, "cpu")  # what the first load imports
Path("/proc/self/clear_refs").write_text("5")
before = said("VmRSS")
model = load_weights(folder, config, torch.float32, "cpu")
print(said("VmHWM") - before, sum(weight.nbytes for weight in model.parameters()))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peak memory is read from Linux's /proc")
def test_no_more_than_the_model_and_one_shard_are_in_memory(tmp_path: Path) -> None:
    shape = {"hidden_size": 512, "ffn_hidden_size": 2048, "num_layers": 16, "num_hidden_layers": 16, "kv_channels": 64}
    config = settings(num_attention_heads=8, **shape)
    folder = write_checkpoint(tmp_path / "glm", config, random_weights(config), shards=8)
    tiny = write_checkpoint(tmp_path / "tiny", settings(), random_weights(settings()))
    command = [sys.executable, "-c", _PEAK, str(folder), str(tiny)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    peak, model = map(int, done.stdout.split())
    shard = max(path.stat().st_size for path in folder.glob("*.safetensors"))
    assert model > 200e6 and shard < model / 6
    assert model < peak < model + 1.15 * shard, (peak, model, shard)
