"""The ChatGLM architecture from its published description in plain torch, and random checkpoints in its format.

Nothing of transformers or of the code under test is used, so that both cannot share a mistake.
"""

import base64
import json
import math
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

Weights = dict[str, torch.Tensor]

# The cut of GPT-4, which GLM-4 publishes with its tokenizer.
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def settings(**changed: Any) -> dict[str, Any]:
    """A ``config.json`` as THUDM/glm-4-9b-chat has it, in a tiny size."""
    return {
        "_name_or_path": "THUDM/glm-4-9b-chat",
        "model_type": "chatglm",
        "architectures": ["ChatGLMModel"],
        "auto_map": {
            "AutoConfig": "configuration_chatglm.ChatGLMConfig",
            "AutoModelForCausalLM": "modeling_chatglm.ChatGLMForConditionalGeneration",
        },
        "add_bias_linear": False,
        "add_qkv_bias": True,
        "apply_query_key_layer_scaling": True,
        "apply_residual_connection_post_layernorm": False,
        "attention_dropout": 0.0,
        "attention_softmax_in_fp32": True,
        "bias_dropout_fusion": True,
        "classifier_dropout": None,
        "ffn_hidden_size": 48,
        "fp32_residual_connection": False,
        "hidden_dropout": 0.0,
        "hidden_size": 32,
        "kv_channels": 8,
        "layernorm_epsilon": 1.5625e-07,
        "multi_query_attention": True,
        "multi_query_group_num": 2,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "num_layers": 2,
        "original_rope": True,
        "padded_vocab_size": 1024,
        "post_layer_norm": True,
        "rmsnorm": True,
        "rope_ratio": 500,
        "seq_length": 512,
        "use_cache": True,
        "torch_dtype": "bfloat16",
        "transformers_version": "4.40.2",
        "tie_word_embeddings": False,
        "eos_token_id": [],
        "pad_token_id": None,
        **changed,
    }


def random_weights(config: dict[str, Any], seed: int = 0) -> Weights:
    """Weights of the right shapes, wide enough that every one of them matters to the logits."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int, around: float = 0.0) -> torch.Tensor:
        return around + torch.randn(*shape, generator=generator) * (0.3 if len(shape) == 1 else shape[-1] ** -0.5)

    hidden, wide, vocabulary = config["hidden_size"], config["ffn_hidden_size"], config["padded_vocab_size"]
    heads, groups, d = config["num_attention_heads"], config["multi_query_group_num"], config["kv_channels"]
    weights = {"transformer.embedding.word_embeddings.weight": normal(vocabulary, hidden) * hidden**0.5}
    for k in range(config["num_layers"]):
        layer = f"transformer.encoder.layers.{k}."
        weights[layer + "input_layernorm.weight"] = normal(hidden, around=1.0)
        weights[layer + "self_attention.query_key_value.weight"] = normal((heads + 2 * groups) * d, hidden)
        if config["add_qkv_bias"]:
            weights[layer + "self_attention.query_key_value.bias"] = normal((heads + 2 * groups) * d)
        weights[layer + "self_attention.dense.weight"] = normal(hidden, heads * d)
        weights[layer + "post_attention_layernorm.weight"] = normal(hidden, around=1.0)
        weights[layer + "mlp.dense_h_to_4h.weight"] = normal(2 * wide, hidden)
        weights[layer + "mlp.dense_4h_to_h.weight"] = normal(hidden, wide)
    weights["transformer.encoder.final_layernorm.weight"] = normal(hidden, around=1.0)
    weights["transformer.output_layer.weight"] = normal(vocabulary, hidden)
    return weights


def forward(config: dict[str, Any], weights: Weights, tokens: list[int]) -> torch.Tensor:
    """Logits (T, V) of one sequence."""
    heads, groups, d = config["num_attention_heads"], config["multi_query_group_num"], config["kv_channels"]
    count = len(tokens)
    causal = torch.full((count, count), -torch.inf).triu(1)
    x = weights["transformer.embedding.word_embeddings.weight"][tokens]
    for k in range(config["num_layers"]):
        of = {name.split(f".layers.{k}.")[1]: weight for name, weight in weights.items() if f".layers.{k}." in name}
        normed = _rms_norm(x, of["input_layernorm.weight"], config)
        merged = normed @ of["self_attention.query_key_value.weight"].T
        if config["add_qkv_bias"]:
            merged = merged + of["self_attention.query_key_value.bias"]
        query = _rotated(merged[:, : heads * d].reshape(count, heads, d), config)
        key = _rotated(merged[:, heads * d : (heads + groups) * d].reshape(count, groups, d), config)
        value = merged[:, (heads + groups) * d :].reshape(count, groups, d)
        read = []
        for head in range(heads):
            group = head // (heads // groups)
            scores = query[:, head] @ key[:, group].T / math.sqrt(d) + causal
            read.append(scores.softmax(dim=-1) @ value[:, group])
        x = x + torch.cat(read, dim=1) @ of["self_attention.dense.weight"].T
        normed = _rms_norm(x, of["post_attention_layernorm.weight"], config)
        gate, up = (normed @ of["mlp.dense_h_to_4h.weight"].T).split(config["ffn_hidden_size"], dim=1)
        x = x + (gate * torch.sigmoid(gate) * up) @ of["mlp.dense_4h_to_h.weight"].T
    x = _rms_norm(x, weights["transformer.encoder.final_layernorm.weight"], config)
    return x @ weights["transformer.output_layer.weight"].T


def _rms_norm(x: torch.Tensor, weight: torch.Tensor, config: dict[str, Any]) -> torch.Tensor:
    return x / (x.square().mean(dim=-1, keepdim=True) + config["layernorm_epsilon"]).sqrt() * weight


def _rotated(x: torch.Tensor, config: dict[str, Any]) -> torch.Tensor:
    """Turns each pair (0, 1), (2, 3) … of the first half of a head as one complex number; the second half passes."""
    half = config["kv_channels"] // 2
    theta = 10_000.0 * config["rope_ratio"]
    speeds = torch.tensor([theta ** (-2 * pair / half) for pair in range(half // 2)], dtype=torch.float64)
    angles = torch.outer(torch.arange(len(x), dtype=torch.float64), speeds)
    turn = torch.polar(torch.ones_like(angles), angles).to(torch.complex64)[:, None]
    pairs = torch.view_as_complex(x[..., :half].reshape(*x.shape[:-1], half // 2, 2).contiguous())
    return torch.cat([torch.view_as_real(pairs * turn).flatten(-2), x[..., half:]], dim=-1)


@cache
def ranks() -> dict[bytes, int]:
    """tiktoken ranks trained on a little text: 256 bytes, then the pair that is most frequent, again and again."""
    text = (
        "今天又没有睡好，永远不会好了。我就是个废物！其实朋友们都还在，周末一起去爬山吧🙂🙂。今天没有，永远不会睡好。"
        "  The quick brown fox isn't here;\n\n\tthe hen's there 12345 aaaaaaa abababab ababa 哈哈哈哈哈哈 。。。。。。"
    )
    parts = [bytes([byte]) for byte in text.encode()]
    found = {bytes([byte]): byte for byte in range(256)}
    while True:
        counts: dict[bytes, int] = {}
        for left, right in pairwise(parts):
            if len(left + right) <= 9:
                counts[left + right] = counts.get(left + right, 0) + 1
        if not counts:
            return found
        best = max(counts, key=lambda pair: (counts[pair], pair))
        found.setdefault(best, len(found))
        joined: list[bytes] = []
        for part in parts:
            if joined and joined[-1] + part == best:
                joined[-1] += part
            else:
                joined.append(part)
        parts = joined


def write_checkpoint(
    folder: Path, config: dict[str, Any], weights: Weights, shards: int = 2, dtype: torch.dtype = torch.float32
) -> Path:
    """Writes a checkpoint as it is published: sharded weights with an index, a tiktoken tokenizer, remote code."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    names = sorted(weights)
    places: dict[str, str] = {}
    for number in range(shards):
        file = f"model-{number + 1:05d}-of-{shards:05d}.safetensors"
        mine = names[number * len(names) // shards : (number + 1) * len(names) // shards]
        save_file({name: weights[name].to(dtype).contiguous() for name in mine}, folder / file, {"format": "pt"})
        places |= dict.fromkeys(mine, file)
    index = {"metadata": {"total_size": 0}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    lines = [f"{base64.b64encode(token).decode()} {rank}\n" for token, rank in ranks().items()]
    (folder / "tokenizer.model").write_text("".join(lines), encoding="ascii")
    tokenizer = {
        "auto_map": {"AutoTokenizer": ["tokenization_chatglm.ChatGLM4Tokenizer", None]},
        "tokenizer_class": "ChatGLM4Tokenizer",
        "model_max_length": 128000,
        "padding_side": "left",
        "remove_space": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    for name in ("configuration_chatglm", "modeling_chatglm", "tokenization_chatglm"):
        trap = folder / "ran"
        (folder / f"{name}.py").write_text(f"open({str(trap)!r}, 'w')\n", encoding="utf-8")
    return folder
