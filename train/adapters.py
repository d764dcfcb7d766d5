"""Low-rank adapters around a frozen base: new ones, or one that an earlier run has trained."""

from pathlib import Path
from typing import Any

from mentalglm.errors import UserError
from mentalglm.models import weights_hash
from mentalglm.models.adapter import Base, check_base, is_adapter, with_adapter
from mentalglm.models.bitsandbytes_import import import_bitsandbytes
from mentalglm.models.manifest import read_manifest
from mentalglm.models.quiet import quiet
from train.config import Lora


def with_new_adapter(model: Any, lora: Lora, seed: int) -> Any:
    """``model``, frozen, with an untrained adapter around it: LoRA (Hu et al. 2021), rsLoRA or DoRA.

    B starts as zeros, so the sum is the base itself until the first step.

    Raises:
        UserError: A target module is nowhere in the model.
    """
    import torch

    import_bitsandbytes()
    from peft import LoraConfig, get_peft_model

    shape = LoraConfig(
        task_type="CAUSAL_LM",
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=target_modules(model, lora.target_modules),
        use_rslora=lora.use_rslora,
        use_dora=lora.use_dora,
    )
    torch.manual_seed(seed)  # A is random: the same on every rank, whatever was drawn before
    with quiet():
        # In the base's own dtype: DeepSpeed keeps fp32 masters of what is trained, and ZeRO-3 takes one dtype alone.
        return get_peft_model(model, shape, autocast_adapter_dtype=False)


def with_trained_adapter(model: Any, folder: Path, base: Path) -> Any:
    """``model``, frozen, with the adapter in ``folder`` around it, to be trained on.

    Args:
        model: The base.
        folder: The adapter's.
        base: The folder that ``model`` was read from.

    Raises:
        UserError: It is no adapter, does not fit, or was trained on a base with other weights.
    """
    if not is_adapter(folder):
        raise UserError(f"adapter: {folder} holds no adapter_config.json; give the folder of a trained adapter")
    check_base(Base(model.name_or_path, base), read_manifest(folder), weights_hash)
    adapted = with_adapter(model, folder, trainable=True)
    adapted.peft_config["default"].base_model_name_or_path = model.name_or_path  # it may have moved since
    return adapted


def target_modules(model: Any, wanted: str | list[str]) -> list[str]:
    """The names of the linear layers to adapt; ``all-linear`` means every one but the output layer.

    Names are spelled out, so that ``adapter_config.json`` says what was trained and a model that calls its layers
    otherwise (GLM's merged ``gate_up_proj``, Qwen's ``gate_proj`` and ``up_proj``) misses none.

    Raises:
        UserError: A name is not in the model; those that are get listed.
    """
    there = _linear_names(model)
    if wanted == "all-linear":
        return there
    names = [wanted] if isinstance(wanted, str) else wanted
    for name in names:
        if not any(_is_called(path, name) for path in _linear_paths(model)):
            raise UserError(
                f"lora.target_modules: {name!r} is no linear layer of this model; it has {', '.join(there)}"
            )
    return names


def _linear_names(model: Any) -> list[str]:
    return sorted({path.rpartition(".")[2] for path in _linear_paths(model)})


def _linear_paths(model: Any) -> list[str]:
    from torch import nn

    head = model.get_output_embeddings()
    return [path for path, module in model.named_modules() if isinstance(module, nn.Linear) and module is not head]


def _is_called(path: str, name: str) -> bool:
    return path == name or path.endswith("." + name)
