"""The base in four bits while an adapter is trained (QLoRA, Dettmers et al. 2023)."""

import importlib.util
from typing import Any

from mentalglm.errors import UserError
from mentalglm.models.bitsandbytes_import import import_bitsandbytes
from mentalglm.models.first_line import first_line


def nf4_settings(dtype: str) -> dict[str, Any]:
    """What ``from_pretrained`` needs to hold every linear layer but the head in NF4, its scales quantised once more.

    Norms and embeddings keep ``dtype``. QLoRA's reference code widens norms to fp32; a GLM's computes in fp32 anyway,
    and the frozen weights it would widen come from a bf16 checkpoint.

    Args:
        dtype: ``bf16`` or ``fp32``, in which the four-bit weights are multiplied once they are unpacked.

    Raises:
        UserError: bitsandbytes is not installed, or does not work here.
    """
    import torch
    from transformers import BitsAndBytesConfig

    _check_bitsandbytes()
    compute = torch.bfloat16 if dtype == "bf16" else torch.float32
    return {
        "quantization_config": BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=compute,
            # Packed into numbers of the compute dtype: DeepSpeed refuses a model of two.
            bnb_4bit_quant_storage=compute,
        )
    }


def keep_quantized(model: Any) -> None:
    """Stops bitsandbytes from repacking the weights when they are first read without gradients.

    A model that holds none is left as it is. On processors with AVX-512 in bf16 their scales would be rounded for good,
    and training would not know the base again.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def _check_bitsandbytes() -> None:
    if importlib.util.find_spec("bitsandbytes") is None:
        raise UserError(
            'load_in_4bit needs bitsandbytes; pip install "mentalglm[qlora]", or train without it', "missing_package"
        )
    try:
        import_bitsandbytes()
    except Exception as error:  # a build for another CUDA fails in as many ways as there are libraries
        raise UserError(f"load_in_4bit: bitsandbytes cannot be used here: {first_line(error)}") from None
