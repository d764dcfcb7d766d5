"""The settings of a ChatGLM-format checkpoint as a ``GlmConfig``; one that it cannot express is refused by its name."""

from pathlib import Path
from typing import Any

from mentalglm.errors import UserError
from mentalglm.models.read_json import read_json

_ROTARY_BASE = 10_000.0

_SIZES = {
    "num_layers": "num_hidden_layers",
    "hidden_size": "hidden_size",
    "ffn_hidden_size": "intermediate_size",
    "num_attention_heads": "num_attention_heads",
    "kv_channels": "head_dim",
    "padded_vocab_size": "vocab_size",
    "seq_length": "max_position_embeddings",
}

# What GlmForCausalLM does whatever its configuration says: a checkpoint that wants it otherwise is something else.
_FIXED: dict[str, Any] = {
    "rmsnorm": True,
    "post_layer_norm": True,
    "original_rope": True,
    "multi_query_attention": True,
    "add_bias_linear": False,
    "apply_residual_connection_post_layernorm": False,
    "fp32_residual_connection": False,
    "hidden_dropout": 0.0,
    "quantization_bit": 0,
}

_READ = {"add_qkv_bias", "rope_ratio", "multi_query_group_num", "layernorm_epsilon", "attention_dropout"}

# Bookkeeping, or how the arithmetic is arranged and not what it gives. vocab_size repeats padded_vocab_size;
# num_hidden_layers repeats num_layers; the published code has its own output layer whatever tie_word_embeddings says.
_WITHOUT_EFFECT = {
    "apply_query_key_layer_scaling",
    "attention_softmax_in_fp32",
    "auto_map",
    "bias_dropout_fusion",
    "classifier_dropout",
    "interleaved_qkv",
    "model_type",
    "num_hidden_layers",
    "prefix_projection",
    "tie_word_embeddings",
    "torch_dtype",
    "use_cache",
    "vocab_size",
}


def is_chatglm(folder: Path) -> bool:
    """Whether the checkpoint in ``folder`` is in the ChatGLM format."""
    return read_json(folder / "config.json").get("model_type") == "chatglm"


def native_config(folder: Path) -> Any:
    """The ``GlmConfig`` of the checkpoint in ``folder``.

    Rotation is by theta = 10000 · rope_ratio over the first half of each head, as the published description has it.

    Raises:
        UserError: A setting is missing, or says what ``GlmForCausalLM`` cannot express; it is named with its value.
    """
    from transformers import GlmConfig

    path = folder / "config.json"
    said = {key: value for key, value in read_json(path).items() if value is not None}
    for key, value in said.items():
        if key in _FIXED and value != _FIXED[key]:
            raise _refusal(path, key, value, f"the native GLM class knows {_FIXED[key]!r} alone")
        if key not in _known():
            raise _refusal(path, key, value, "the native GLM class has no such setting")
    sizes = {ours: _whole(path, said, theirs) for theirs, ours in _SIZES.items()}
    if sizes["num_hidden_layers"] != said.get("num_hidden_layers", sizes["num_hidden_layers"]):
        raise _refusal(path, "num_hidden_layers", said["num_hidden_layers"], "num_layers says otherwise")
    groups = _whole(path, said, "multi_query_group_num")
    if sizes["num_attention_heads"] % groups:
        heads = sizes["num_attention_heads"]
        raise _refusal(path, "multi_query_group_num", groups, f"{heads} attention heads cannot be split so")
    if sizes["head_dim"] % 4:
        raise _refusal(path, "kv_channels", sizes["head_dim"], "half of it must be an even number to be rotated")
    return GlmConfig(
        **sizes,
        num_key_value_heads=groups,
        attention_bias=bool(said.get("add_qkv_bias", False)),
        attention_dropout=_number(path, said, "attention_dropout", 0.0),
        rms_norm_eps=_number(path, said, "layernorm_epsilon", 1e-5),
        rope_parameters={
            "rope_type": "default",
            "rope_theta": _ROTARY_BASE * _number(path, said, "rope_ratio", 1.0),
            "partial_rotary_factor": 0.5,
        },
        tie_word_embeddings=False,
        pad_token_id=None,
        bos_token_id=None,
        eos_token_id=[],
        architectures=["GlmForCausalLM"],
    )


def _known() -> set[str]:
    from transformers import GenerationConfig, PreTrainedConfig

    # What every transformers configuration of any version may carry says nothing about the architecture.
    common = set(PreTrainedConfig().to_dict()) | set(GenerationConfig().to_dict())
    return common | set(_SIZES) | set(_FIXED) | _READ | _WITHOUT_EFFECT | {"_name_or_path"}


def _whole(path: Path, said: dict[str, Any], key: str) -> int:
    value = said.get(key)
    if key == "padded_vocab_size" and value is None:
        value = said.get("vocab_size")
    if type(value) is not int or value < 1:
        raise _refusal(path, key, value, "it must be a whole number above 0")
    return value


def _number(path: Path, said: dict[str, Any], key: str, default: float) -> float:
    value = said.get(key, default)
    if type(value) not in (int, float) or value < 0:
        raise _refusal(path, key, value, "it must be a number from 0 up")
    return float(value)


def _refusal(path: Path, key: str, value: Any, reason: str) -> UserError:
    return UserError(f"{path}: {key}: {reason}; the value is {str(value)[:80]}", "unknown_architecture")
