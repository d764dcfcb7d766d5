"""The model a run starts from: loaded, or made new; with an adapter around it if one is asked for."""

import os
from pathlib import Path
from typing import Any

from mentalglm.errors import UserError
from mentalglm.models import load_model
from mentalglm.models.adapter import is_adapter
from mentalglm.models.chatglm import is_chatglm
from mentalglm.models.find import check_folder, find_model
from mentalglm.models.quiet import quiet
from train.adapters import with_new_adapter, with_trained_adapter
from train.config import TrainConfig
from train.engine import zero_stage
from train.four_bit import keep_quantized, nf4_settings
from train.new_model import new_model


def starting_model(config: TrainConfig, settings: dict[str, Any]) -> tuple[Any, Any]:
    """The model in training mode and its tokenizer; every rank calls it.

    Under ZeRO-3, transformers hands each weight's shards to the ranks while it reads, as long as the run's
    ``HfDeepSpeedConfig`` is alive: no rank ever holds the whole model.

    Args:
        config: The run's.
        settings: What DeepSpeed will be given.

    Raises:
        UserError: The model or adapter is not there, does not fit, or cannot be trained in the way asked for.
    """
    stage = zero_stage(settings)
    if config.new_model is not None:
        model, tokenizer = new_model(config.new_model, config.seed)
    else:
        model, tokenizer = _loaded(config, stage)
    if config.gradient_checkpointing:
        with quiet():
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return model.train(), tokenizer


def _loaded(config: TrainConfig, stage: int) -> tuple[Any, Any]:
    name = str(config.model)
    folder = find_model(name, config.revision)
    _check_trainable(config, stage, folder)
    # Straight to its place, not through every rank's share of the host; ZeRO-3 places the shards itself.
    device = own_device()
    how = how_to_load(config, None if stage == 3 else device)
    loaded = load_model(name, device, config.dtype, config.revision, loading=how)
    model = loaded.model
    keep_quantized(model)
    if model.name_or_path == str(folder):
        model.name_or_path = str(folder.resolve())  # an adapter may be loaded from elsewhere
    if config.lora is not None:
        model = with_new_adapter(model, config.lora, config.seed)
    elif config.adapter is not None:
        model = with_trained_adapter(model, config.adapter, folder)
    if config.trains_adapter:
        model.peft_config["default"].revision = config.revision
    return model, loaded.tokenizer


def _check_trainable(config: TrainConfig, stage: int, folder: Path) -> None:
    if config.load_in_4bit and stage == 3:
        raise UserError("load_in_4bit: four-bit weights cannot be sharded; choose deepspeed: zero2 or below")
    if is_adapter(folder):
        raise UserError(f"model: {config.model} is an adapter; name it under adapter, and its base under model")
    check_folder(folder)
    if stage == 3 and is_chatglm(folder):
        raise UserError(
            f"model: {config.model} is in the ChatGLM format, which ZeRO-3 cannot shard while reading; "
            f"run mentalglm convert {config.model} FOLDER once, and give that folder"
        )


def how_to_load(config: TrainConfig, device: str | None) -> dict[str, Any]:
    """What ``from_pretrained`` is told about the base.

    Args:
        config: The run's.
        device: Where the weights go; None leaves it to DeepSpeed.
    """
    how: dict[str, Any] = {}
    if config.attn_implementation is not None:
        how["attn_implementation"] = config.attn_implementation
    if config.load_in_4bit:
        how |= nf4_settings(config.dtype)
    if device is not None and (config.load_in_4bit or device != "cpu"):
        how["device_map"] = {"": device}
    return how


def own_device() -> str:
    """This rank's own device, as DeepSpeed will choose it."""
    from deepspeed.accelerator import get_accelerator

    return str(get_accelerator().device_name(int(os.environ.get("LOCAL_RANK", "0"))))
