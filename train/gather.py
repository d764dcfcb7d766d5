"""The weights of a model in training, wherever ZeRO keeps them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def bare_model(model: Any) -> Any:
    """The transformers or PEFT model inside DeepSpeed's engine and the loss around it."""
    while not hasattr(type(model), "save_pretrained"):  # the engine passes on what it is asked for, under other names
        model = model.module if hasattr(model, "module") else model.model
    return model


def gathered_weights(model: Any, dtype: Any, trained_only: bool) -> dict[str, Any]:
    """What ``state_dict`` would give of the whole model: on rank 0, in memory of the host; on other ranks, nothing.

    Under ZeRO-3 every rank must call it. Weights are gathered one at a time, so no device ever holds more than one
    whole, and ``state_dict`` itself would give empty ones (which once saved adapters of no weight at all: trl issue
    4416).

    Args:
        model: As :func:`bare_model` gives it; it is not changed.
        dtype: Of the copies. Buffers keep theirs.
        trained_only: Leave out what is frozen.
    """
    import torch.distributed as dist

    keeps = not dist.is_initialized() or dist.get_rank() == 0
    weights: dict[str, Any] = {}
    for name, parameter in model.named_parameters():
        if trained_only and not parameter.requires_grad:
            continue
        with gathered(parameter):
            if keeps:
                weights[name] = parameter.detach().to("cpu", dtype, copy=True)
    if keeps and not trained_only:
        stored = set(model.state_dict())
        weights |= {name: buffer.cpu() for name, buffer in model.named_buffers() if name in stored}
    return weights


@contextmanager
def gathered(*parameters: Any) -> Iterator[None]:
    """Parameters that ZeRO-3 has sharded are whole inside; others always are."""
    if not any(hasattr(parameter, "ds_id") for parameter in parameters):
        yield
        return
    import deepspeed

    with deepspeed.zero.GatheredParameters(list(parameters)):
        yield


@contextmanager
def unsharded_loading() -> Iterator[None]:
    """Loading inside is loading as everywhere: ZeRO-3 does not shard what is read."""
    from transformers.integrations import deepspeed

    before = deepspeed._hf_deepspeed_config_weak_ref
    deepspeed.unset_hf_deepspeed_config()
    try:
        yield
    finally:
        deepspeed._hf_deepspeed_config_weak_ref = before
