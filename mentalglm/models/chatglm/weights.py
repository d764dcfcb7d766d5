"""The weights of a ChatGLM-format checkpoint under their native names, shard by shard.

::

    query_key_value   rows  [ heads · d | groups · d | groups · d ]   ->   q_proj, k_proj, v_proj
    dense_h_to_4h     rows  [ gate | up ]                             ->   gate_up_proj, as it is
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mentalglm.errors import UserError
from mentalglm.models.first_line import first_line
from mentalglm.models.read_json import read_json

_OUTER = {
    "transformer.embedding.word_embeddings.weight": "model.embed_tokens.weight",
    "transformer.encoder.final_layernorm.weight": "model.norm.weight",
    "transformer.output_layer.weight": "lm_head.weight",
}
_IN_LAYER = {
    "input_layernorm.weight": "input_layernorm.weight",
    "post_attention_layernorm.weight": "post_attention_layernorm.weight",
    "self_attention.dense.weight": "self_attn.o_proj.weight",
    "mlp.dense_h_to_4h.weight": "mlp.gate_up_proj.weight",
    "mlp.dense_4h_to_h.weight": "mlp.down_proj.weight",
}
_LAYERS = "transformer.encoder.layers."
_MERGED = "self_attention.query_key_value."
_COMPUTED = "transformer.rotary_pos_emb.inv_freq"  # stored by old versions; follows from rope_ratio


def load_weights(folder: Path, config: Any, dtype: Any, device: str) -> Any:
    """A ``GlmForCausalLM`` with the checkpoint's weights, in evaluation mode.

    Never more than the model and one shard are in memory: each shard is let go before the next one is opened.

    Args:
        folder: The checkpoint.
        config: As :func:`native_config` makes it.
        dtype: A torch dtype, or ``auto`` for the checkpoint's own.
        device: Where the weights go, straight from each shard.

    Raises:
        UserError: A shard is damaged, or a weight is missing, unknown, there twice or of another shape.
    """
    import torch
    from transformers import GlmForCausalLM

    with torch.device("meta"):
        model = GlmForCausalLM(config)
    for shard in native_shards(folder, config):
        wanted = None if dtype == "auto" else dtype
        ready = {name: weight.to(device, wanted, copy=True) for name, weight in shard.items()}
        shard.clear()
        model.load_state_dict(ready, strict=False, assign=True)
    # A buffer that no checkpoint holds: on the meta device it has no values.
    model.model.rotary_emb = type(model.model.rotary_emb)(config).to(device)
    model.generation_config.eos_token_id = config.eos_token_id
    model.generation_config.pad_token_id = config.pad_token_id
    model.config.dtype = model.dtype
    return model.eval()


def native_shards(folder: Path, config: Any) -> Iterator[dict[str, Any]]:
    """Yields the weights of each shard in ``folder`` under their native names, views into the mapped file.

    Raises:
        UserError: As :func:`load_weights` says; missing weights are known, and said, after the last shard.
    """
    import torch
    from safetensors import SafetensorError, safe_open
    from transformers import GlmForCausalLM

    with torch.device("meta"):
        shapes = {name: weight.shape for name, weight in GlmForCausalLM(config).state_dict().items()}
    missing = set(shapes)
    for path in _shard_paths(folder):
        shard: dict[str, Any] = {}
        try:
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118 (a file handle, no dict)
                    if name != _COMPUTED:
                        shard |= _native(name, file.get_tensor(name), config, path)
        except (SafetensorError, OSError) as error:
            raise UserError(f"{path} cannot be read: {first_line(error)[:200]}", "missing_weights") from None
        for name, weight in shard.items():
            if name not in missing:
                raise UserError(f"{path}: {name} has no place in the model, or is there twice", "missing_weights")
            if weight.shape != shapes[name]:
                seen, wanted = tuple(weight.shape), tuple(shapes[name])
                raise UserError(f"{path}: {name} has shape {seen}; config.json says {wanted}", "missing_weights")
            missing.remove(name)
        yield shard
    if missing:
        count = len(missing)
        raise UserError(
            f"model {folder} is incomplete: {count} weights are missing, such as {min(missing)}", "missing_weights"
        )


def stop_settings(folder: Path, tokenizer: Any) -> dict[str, Any]:
    """``eos_token_id``, a list, and ``pad_token_id`` for the model: an answer ends where the next turn would open.

    Args:
        folder: The checkpoint; what its configuration files name as stops stays one.
        tokenizer: Its native tokenizer.
    """
    stops: set[int] = set()
    for path in (folder / "config.json", folder / "generation_config.json"):
        said = read_json(path).get("eos_token_id") if path.is_file() else None
        stops |= {token for token in (said if isinstance(said, list) else [said]) if type(token) is int}
    for token in ("<|endoftext|>", "<|user|>", "<|observation|>"):
        stops.add(tokenizer.convert_tokens_to_ids(token))
    known = sorted(token for token in stops if 0 <= token < len(tokenizer))
    return {"eos_token_id": known, "pad_token_id": tokenizer.pad_token_id}


def _shard_paths(folder: Path) -> list[Path]:
    """The shards that the index names, or else every one there is."""
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return sorted(folder.glob("*.safetensors"))
    names = read_json(index).get("weight_map")
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise UserError(f"{index}: weight_map: it must name the file of every weight", "missing_weights")
    paths = [folder / name for name in sorted(set(names.values()))]
    for path in paths:
        if path.parent != folder or path.suffix != ".safetensors":
            raise UserError(f"{index} names {path.name!r}, which is no .safetensors file beside it", "unsafe_weights")
        if not path.is_file():
            raise UserError(f"model {folder} is incomplete: {path.name} is missing", "missing_weights")
    return paths


def _native(name: str, weight: Any, config: Any, path: Path) -> dict[str, Any]:
    if name in _OUTER:
        return {_OUTER[name]: weight}
    number, _, rest = name.removeprefix(_LAYERS).partition(".")
    if name.startswith(_LAYERS) and number.isdecimal():
        layer = f"model.layers.{number}."
        if rest in _IN_LAYER:
            return {layer + _IN_LAYER[rest]: weight}
        if rest.startswith(_MERGED):
            query = config.num_attention_heads * config.head_dim
            group = config.num_key_value_heads * config.head_dim
            if len(weight) == query + 2 * group:
                parts = weight.split([query, group, group])
                kind = rest.removeprefix(_MERGED)
                return {f"{layer}self_attn.{part}_proj.{kind}": rows for part, rows in zip("qkv", parts, strict=True)}
            reason = f"has {len(weight)} rows; config.json says {query} + 2 · {group}"
            raise UserError(f"{path}: {name} {reason}", "missing_weights")
    raise UserError(f"{path}: the native GLM class has no weight {name!r}", "unknown_architecture")
