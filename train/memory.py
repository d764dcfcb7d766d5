"""What a run needs in memory, worked out before it starts.

Of N tokens in a micro-step, a decoder layer keeps for the backward pass, in entries per token (h hidden, i
intermediate, q heads · head_dim, n norms of width h, T the length of a pack)::

    n·h   what each norm reads, in fp32        4q  query, key, value, output (keys and values repeated over heads)
    n·h   what each norm multiplies, if it is trained
    2h+q+i  what the linear layers read        3i  gate, up and silu(gate)        T  the mask that keeps packs apart

With dropout, an adapter keeps a copy and a mask of what each of its linear layers reads instead; DoRA two outputs more.
Gradient checkpointing keeps h per layer, and the rest of one layer at a time.
"""

from dataclasses import dataclass
from typing import Any

from train.config import TrainConfig
from train.engine import offloads, zero_stage
from train.loss import LOGITS_BYTES
from train.model_shape import ModelShape

_FP32 = 4
# NF4: half a byte, and per 64 entries a scale that is itself held in eight bits (QLoRA, section 3).
_NF4 = 0.5 + 1 / 64 + 4 / (64 * 256)


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes on one device, besides what Python, torch and the device's driver take for themselves.

    Attributes:
        weights: The model's, as this device holds them; under ZeRO-3 its share and what is gathered at once.
        gradients: Of what is trained.
        buckets: Where gradients are laid side by side to be reduced.
        optimizer: Adam's two moments, and fp32 masters of the trained weights where DeepSpeed keeps them.
        activations: What the backward pass needs of a micro-step.
        logits: Those of a piece of the scored tokens, and the gradients computed from them.
        backward: Gradients on their way through one layer, and what that layer computes again.
        step: What the optimizer step needs for a moment, when no activation is alive any more.
        lasting: Gradients and buckets that are there while activations grow: from a step's second micro-step on, and
            under ZeRO-3 always.
        host: Bytes of the computer's own memory that offloading takes for this device.
    """

    weights: int
    gradients: int
    buckets: int
    optimizer: int
    activations: int
    logits: int
    backward: int
    step: int
    lasting: int
    host: int

    @property
    def peak(self) -> int:
        """The most that is alive at once."""
        working = self.activations + max(self.logits, self.backward, self.buckets) + self.lasting
        finishing = max(self.gradients, self.lasting) + max(self.buckets, self.step)
        return self.weights + self.optimizer + max(working, finishing)


def estimate_memory(
    config: TrainConfig, shape: ModelShape, world: int, settings: dict[str, Any], device: str, scored_share: float = 1.0
) -> MemoryEstimate:
    """Works out the memory of one device.

    Args:
        config: The settings.
        shape: The model's, with its adapter.
        world: The number of ranks.
        settings: The DeepSpeed settings.
        device: ``cpu`` or ``cuda``.
        scored_share: Share of the tokens that the loss counts.
    """
    zero = settings.get("zero_optimization", {})
    stage, entry = zero_stage(settings), 2 if config.dtype == "bf16" else _FP32
    share = {
        key: 1 / world if stage >= least else 1.0 for key, least in (("optimizer", 1), ("gradients", 2), ("weights", 3))
    }
    masters = _FP32 if stage > 0 or config.dtype == "bf16" else 0
    optimizer = shape.trained * (2 * _FP32 + masters) * share["optimizer"]
    gradients = shape.trained * entry * share["gradients"]
    step = shape.trained * masters * share["optimizer"]  # gradients as fp32, beside the masters
    weights = _weights(config, shape, entry) * share["weights"]
    host = 0.0
    if offloads(settings, "offload_optimizer"):
        host += optimizer + step + shape.trained * entry * share["optimizer"]
        optimizer = step = 0.0
    if offloads(settings, "offload_param"):
        host, weights = host + weights, 0.0
    if stage == 3 and (world > 1 or weights == 0):
        weights += entry * min(shape.parameters, int(zero.get("stage3_max_live_parameters", 1e9)))
    buckets = _buckets(zero, stage, shape, entry, device)
    lasting = gradients + buckets if stage == 3 else gradients if config.gradient_accumulation_steps > 1 else 0
    return MemoryEstimate(
        weights=round(weights),
        gradients=round(gradients),
        buckets=buckets,
        optimizer=round(optimizer),
        activations=round(_activations(config, shape, entry, device)),
        logits=_logits(config, shape, entry, device, scored_share),
        backward=round(_backward(config, shape, entry, device)),
        step=round(step),
        lasting=round(lasting),
        host=round(host),
    )


def _weights(config: TrainConfig, shape: ModelShape, entry: int) -> float:
    if not config.load_in_4bit:
        return shape.parameters * entry
    # Table, head and adapter stay as they are; norms are too few to matter.
    outside = shape.table + (0 if shape.tied else shape.head) + shape.trained
    largest = shape.largest_matrix * entry  # one at a time is unpacked to multiply with
    return outside * entry + (shape.parameters - outside) * _NF4 + largest


def _buckets(zero: dict[str, Any], stage: int, shape: ModelShape, entry: int, device: str) -> int:
    """Where gradients are laid side by side to be reduced; two take turns when communication overlaps."""
    if stage == 0:
        return 0
    size = int(zero.get("reduce_bucket_size", 5e8))
    if device == "cpu":
        size = min(size, shape.trained)  # memory that is never written is never taken
    return size * entry * (2 if stage < 3 and zero.get("overlap_comm") and device != "cpu" else 1)


def _tokens(config: TrainConfig) -> int:
    return config.per_device_train_batch_size * config.max_seq_length


def _activations(config: TrainConfig, shape: ModelShape, entry: int, device: str) -> float:
    layer = shape.hidden * entry if config.gradient_checkpointing else _per_layer(config, shape, entry, device)
    ends = shape.hidden * (2 * entry + 2 * _FP32)  # embeddings and the last norm
    return _tokens(config) * (shape.layers * layer + ends)


def _backward(config: TrainConfig, shape: ModelShape, entry: int, device: str) -> float:
    again = _per_layer(config, shape, entry, device) if config.gradient_checkpointing else 0
    width = shape.intermediate + shape.heads * shape.head_dim + shape.hidden
    return _tokens(config) * (again + 2 * width * entry + 2 * shape.hidden * _FP32)


def _per_layer(config: TrainConfig, shape: ModelShape, entry: int, device: str) -> float:
    """Bytes that one layer keeps per token."""
    hidden, inner, queries = shape.hidden, shape.intermediate, shape.heads * shape.head_dim
    kept: float = shape.norms * hidden * _FP32
    kept += (4 * queries + 3 * inner + config.max_seq_length) * entry
    adapter = shape.adapter
    if adapter is None:
        return kept + (shape.norms * hidden + 2 * hidden + queries + inner) * entry
    if adapter.dropout:
        mask = entry if device == "cpu" else 1
        kept += adapter.inputs / shape.layers * (entry + mask)
    else:
        kept += (2 * hidden + queries + inner) * entry
    outputs = 2 * adapter.outputs if adapter.dora else 0
    return kept + (adapter.ranks + outputs) / shape.layers * entry


def _logits(config: TrainConfig, shape: ModelShape, entry: int, device: str, scored_share: float) -> int:
    """A piece in fp32, the same once more for its exponentials, in bf16 the product it was made of; the gradients."""
    tokens, row = _tokens(config), 4 * shape.vocab
    piece = min(max(16 * row, LOGITS_BYTES[device]), scored_share * tokens * row)
    gradient = shape.head * _FP32 if shape.head_trained else 0
    return round(piece * (2 if entry == _FP32 else 2.5) + gradient + scored_share * tokens * shape.hidden * entry)
