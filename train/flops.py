"""Floating-point operations of a step, and what a device can do at most: the two sides of MFU.

MFU (Chowdhery et al. 2022, arXiv:2204.02311, appendix B) counts the operations that the model needs, never those an
implementation adds: gradient checkpointing computes the forward pass twice and is paid for once.
"""

from typing import Any

from train.model_shape import ModelShape

# Dense bf16 (fp16 for V100, which has no bf16), in TFLOP/s, as NVIDIA's data sheets name it. They were not at hand when
# this was written: compare before you publish an MFU. Longer names come first, since "H100 PCIe" is also an "H100".
# A800 and H800 are A100 and H100 with slower links.
_PEAKS = (
    ("H100 PCIe", 756.0),  # H100 data sheet, 2023
    ("H100 NVL", 835.0),
    ("H100", 989.4),
    ("H800 PCIe", 756.0),
    ("H800", 989.4),
    ("H200 NVL", 835.5),  # H200 data sheet, 2024
    ("H200", 989.4),
    ("H20", 148.0),
    ("GH200", 989.4),
    ("B200", 2250.0),  # Blackwell architecture brief, 2024
    ("A100", 312.0),  # A100 data sheet, 2020
    ("A800", 312.0),
    ("A40", 149.7),
    ("A30", 165.0),
    ("A10G", 70.0),
    ("A10", 125.0),
    ("L40S", 362.05),  # L40S data sheet, 2023; the 733 on its first page is with sparsity
    ("L40", 181.05),
    ("L20", 119.5),
    ("L4", 121.0),
    ("RTX 6000 Ada", 364.25),  # Ada architecture whitepaper, appendix
    ("RTX 4090 D", 147.0),
    ("RTX 4090", 165.2),  # the same, with fp32 accumulation
    ("RTX 3090", 71.0),  # GA102 whitepaper, table 2
    ("V100", 125.0),  # V100 data sheet, 2017
)


def peak_flops(device: Any) -> float | None:
    """Dense bf16 operations per second that ``device`` reaches at most.

    Args:
        device: A ``torch.device``, or its name such as ``cuda:0``.

    Returns:
        None where no figure is known: a CPU, a card that is not in the table.
    """
    import torch

    device = torch.device(device)
    return peak_of(torch.cuda.get_device_name(device)) if device.type == "cuda" else None


def peak_of(name: str) -> float | None:
    """The same, by the name that the driver gives the card, such as ``NVIDIA H200``."""
    words = f" {name.replace('-', ' ')} "
    found = next((peak for card, peak in _PEAKS if f" {card} " in words), None)
    return None if found is None else found * 1e12


def step_flops(shape: ModelShape, tokens: int, scored_tokens: int, pairs: int = 0) -> float:
    """Model FLOPs of one optimizer step, forward and backward, over all ranks.

    A trained weight costs 6 per token: 2 forward, 2 for the gradient of its input, 2 for its own. A frozen one (LoRA's
    base) needs no gradient of its own: 4. The table is looked up, not multiplied. The vocabulary projection runs over
    the scored tokens alone. Attention costs 12 · layers · heads · head_dim for each pair of a token and one it sees.

    Args:
        shape: The model's.
        tokens: Tokens of the step, padding excluded.
        scored_tokens: Those that the loss counts.
        pairs: Σ L·(L+1)/2 over the examples' lengths L; 0 leaves attention out, a few per cent at short lengths.
    """
    layers = (4 * shape.active + 2 * shape.active_trained) * tokens
    head = (6 if shape.head_trained else 4) * shape.head * scored_tokens
    return float(layers + head + 12 * shape.layers * shape.heads * shape.head_dim * pairs)


def hardware_flops(shape: ModelShape, tokens: int, scored_tokens: int, pairs: int, checkpointing: bool) -> float:
    """FLOPs that the device really runs: with gradient checkpointing the layers' forward pass a second time."""
    again = 2 * shape.active * tokens + 4 * shape.layers * shape.heads * shape.head_dim * pairs
    return step_flops(shape, tokens, scored_tokens, pairs) + checkpointing * again
