"""Weights in fewer bits: int8 on the CPU, done here; int8 and int4 on CUDA, done by bitsandbytes."""

import importlib.util
from typing import Any

import torch

from mentalglm.errors import UserError

QUANTIZATIONS = ("int8", "int4")


class Int8Linear(torch.nn.Module):
    """A linear layer on 8-bit integers: y = s_x · s_w · (q_x · q_w), a scale for each token and each output.

    The scale of an activation is its own token's, so what a post gets does not depend on its neighbours in the batch;
    the product of integers is exact in whatever order it is summed. What padding may move in attention's last bits can
    still tip an integer: label probabilities agree between batches to about 0.002, labels and evidence as a rule
    exactly, an explanation in about 97 of 100 posts word for word.

    LLM.int8() (Dettmers et al. 2022) calls these scales vector-wise; features of extreme size are not kept apart here
    as they are there.
    """

    weight: torch.Tensor
    scale: torch.Tensor

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        quantized, scale = _quantized(linear.weight.detach().float())
        self.register_buffer("weight", quantized)  # (out, in), int8
        self.register_buffer("scale", scale.flatten())  # (out,), float32
        self.bias = linear.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(…, in) to (…, out)."""
        quantized, scale = _quantized(x.reshape(-1, self.in_features).float())
        y = torch._int_mm(quantized, self.weight.t()).float() * scale * self.scale
        if self.bias is not None:
            y += self.bias
        return y.to(x.dtype).view(*x.shape[:-1], self.out_features)


def _quantized(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Each row as integers from -127 to 127, and its scale; a row that is not finite keeps a scale that says so."""
    scale = rows.abs().amax(dim=-1, keepdim=True).clamp(min=1e-12) / 127
    return (rows / scale).round().to(torch.int8), scale


def quantize_on_cpu(model: Any, dtype: torch.dtype) -> None:
    """Turns every linear layer but the output layer into an :class:`Int8Linear`, and what is left into ``dtype``.

    Layer by layer, so that at most one of them is there twice. Embeddings and output layer stay as they are: they are
    looked up or read once a token, and label probabilities come straight out of the latter.
    """
    output = model.get_output_embeddings()
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child) is torch.nn.Linear and child is not output:
                setattr(module, name, Int8Linear(child))
    for parameter in model.parameters():
        parameter.data = parameter.data.to(dtype)
        parameter.requires_grad_(False)
    model.config.dtype = dtype


def check_quantization(quantization: str | None, device: str) -> None:
    """Refuses a quantisation that does not exist, or not on this device.

    Raises:
        UserError: With those that do.
    """
    if quantization is None or (quantization == "int8" and device == "cpu"):
        return
    if quantization not in QUANTIZATIONS:
        raise UserError(f"quantization {quantization!r} is not known; use one of {', '.join(QUANTIZATIONS)}")
    if not device.startswith("cuda"):
        raise UserError(f"quantization {quantization!r} needs a CUDA device, not {device!r}; on cpu there is int8")
    if importlib.util.find_spec("bitsandbytes") is None:
        reason = "needs bitsandbytes on CUDA; pip install bitsandbytes"
        raise UserError(f"quantization {quantization!r} {reason}", "missing_package")


def cuda_settings(quantization: str) -> Any:
    """What ``from_pretrained`` needs to quantise while it loads: NF4 (Dettmers et al. 2023) for int4.

    Not run in this repository's tests, which have no CUDA device.
    """
    from transformers import BitsAndBytesConfig

    if quantization == "int4":
        return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)
    return BitsAndBytesConfig(load_in_8bit=True)
