"""The numbers of a model that its speed and its memory follow from: read off the model, weights or no weights."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ModelShape:
    """How large a decoder is, and which part of it is trained.

    Attributes:
        parameters: All of them; a tied table and head count once.
        trained: Those that the optimizer changes.
        table: The input embedding's, which are looked up and multiply nothing.
        head: Those of the vocabulary projection, the table's own where the two are tied.
        tied: Whether head and table are one.
        head_trained: Whether the optimizer changes the head.
        active: Of the layers between table and head, those that a token meets: all, or in a mixture of experts the
            chosen experts' share.
        active_trained: The trained ones among them.
        layers: Decoder layers.
        hidden: Width between layers.
        intermediate: Width inside the feed-forward part.
        heads: Query heads.
        kv_heads: Key and value heads.
        head_dim: Width of a head.
        vocab: Entries of the vocabulary.
        norms: Norms of width ``hidden`` in one layer.
        largest_matrix: Entries of the largest weight in a layer.
        adapter: What an adapter adds; None without one.
    """

    parameters: int
    trained: int
    table: int
    head: int
    tied: bool
    head_trained: bool
    active: int
    active_trained: int
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    norms: int
    largest_matrix: int
    adapter: "AdapterShape | None"


@dataclass(frozen=True)
class AdapterShape:
    """The adapted linear layers, all of them together.

    Attributes:
        inputs: Sum of their input widths.
        outputs: Sum of their output widths.
        ranks: Sum of their ranks.
        dropout: Whether their inputs go through dropout.
        dora: Whether they are DoRA's.
    """

    inputs: int
    outputs: int
    ranks: int
    dropout: bool
    dora: bool


def model_shape(model: Any) -> ModelShape:
    """Reads the shape of a Hugging Face causal language model, PEFT's wrapping, ZeRO-3 shards and NF4 included.

    Args:
        model: On any device; ``meta`` will do, since only sizes are read.
    """
    config = model.config.get_text_config()
    table, head = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    share = _share_of_experts(config)
    total = trained = active = active_trained = 0
    norms, largest = 0, 0
    for name, parameter in model.named_parameters():
        count = numel(parameter)
        total += count
        trained += count * parameter.requires_grad
        if parameter is table or parameter is head:
            continue
        met = round(count * share) if ".experts." in name else count
        active += met
        active_trained += met * parameter.requires_grad
        if ".layers.0." in name:
            norms += "norm" in name and count == int(config.hidden_size)
            largest = max(largest, count)
    heads = int(config.num_attention_heads)
    return ModelShape(
        parameters=total,
        trained=trained,
        table=numel(table),
        head=numel(head),
        tied=table is head,
        head_trained=bool(head.requires_grad),
        active=active,
        active_trained=active_trained,
        layers=int(config.num_hidden_layers),
        hidden=int(config.hidden_size),
        intermediate=int(config.intermediate_size),
        heads=heads,
        kv_heads=int(getattr(config, "num_key_value_heads", None) or heads),
        head_dim=int(getattr(config, "head_dim", None) or config.hidden_size // heads),
        vocab=int(config.vocab_size),
        norms=norms,
        largest_matrix=largest,
        adapter=_adapter_shape(model),
    )


def numel(parameter: Any) -> int:
    """Entries of a parameter as the model means it: whole where ZeRO-3 holds a shard, unpacked where NF4 packs two."""
    if hasattr(parameter, "ds_numel"):
        return int(parameter.ds_numel)
    packed = getattr(parameter, "quant_state", None)
    return int(packed.shape.numel() if packed is not None else parameter.numel())


def _share_of_experts(config: Any) -> float:
    experts = getattr(config, "n_routed_experts", None) or getattr(config, "num_experts", None)
    return float(config.num_experts_per_tok) / float(experts) if experts else 1.0


def _adapter_shape(model: Any) -> AdapterShape | None:
    adapted = [module for module in model.modules() if hasattr(module, "lora_A")]
    if not adapted:
        return None
    [settings] = model.peft_config.values()
    return AdapterShape(
        inputs=sum(int(module.in_features) for module in adapted),
        outputs=sum(int(module.out_features) for module in adapted),
        ranks=settings.r * len(adapted),
        dropout=settings.lora_dropout > 0,
        dora=bool(settings.use_dora),
    )
