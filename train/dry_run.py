"""``dry_run=true``: the plan and what it will take, before anything is loaded that needs not be."""

import os
import time
from typing import Any

from train.config import TrainConfig
from train.data import pad_id
from train.flops import hardware_flops, peak_flops
from train.loss import AnswerLoss
from train.model import starting_model
from train.model_shape import ModelShape, model_shape
from train.outline import outline, weights_bytes
from train.plan import Plan, plan_steps
from train.plan_report import show_plan
from train.progress import duration, say
from train.step import to_batch
from train.tokenized import TokenizedData, tokenize_split

# A model is loaded, and a pack timed, up to this size on disk: 500 million parameters in bf16, seconds of work.
_SMALL = 10**9
# Share of the peak that the guess for other models goes by.
_SHARE = 0.4


def dry_run(config: TrainConfig, settings: dict[str, Any], rank: int, world: int) -> None:
    """Tells the plan of a run on rank 0; the other ranks have nothing to do.

    A large model is known from its config.json alone: its weights need not be there.

    Args:
        config: The settings.
        settings: The DeepSpeed settings, as filled in for this run.
        rank: This process's place among the ranks.
        world: The number of ranks.

    Raises:
        UserError: The settings don't fit the data or the model.
    """
    if rank != 0:
        return
    model, tokenizer, loaded = _model(config)
    data = tokenize_split(config, tokenizer, "train", config.max_tokens)
    assert data is not None  # a folder without a training split is refused by name
    plan = plan_steps(data, config, world)
    if loaded:
        time_needed = _measured(config, model, tokenizer, data, plan)
    else:
        time_needed = _guessed(config, model_shape(model), data, plan, world)
    show_plan(config, model, tokenizer, data, plan, world, settings, time_needed)
    say("dry run: nothing was trained")


def _model(config: TrainConfig) -> tuple[Any, Any, bool]:
    """The model, its tokenizer, and whether its weights were loaded: only small ones are, which lie on this disk."""
    if config.new_model is not None:
        return *starting_model(config, {}), True
    model, tokenizer, folder = outline(config)
    if 0 < weights_bytes(folder) <= _SMALL and not config.load_in_4bit:
        return *starting_model(config.model_copy(update={"model": str(folder)}), {}), True
    return model, tokenizer, False


def _measured(config: TrainConfig, model: Any, tokenizer: Any, data: TokenizedData, plan: Plan) -> str:
    """The time of the run by that of one pack, forward and backward, on this device."""
    import torch
    from deepspeed.accelerator import get_accelerator

    accelerator = get_accelerator()
    device = accelerator.device_name(int(os.environ.get("LOCAL_RANK", "0")))
    loss = AnswerLoss(model.to(device), config.label_smoothing, config.neftune_noise_alpha)
    packs = plan[0][0][: config.per_device_train_batch_size]
    batch = to_batch(data, packs, pad_id(tokenizer), device, plan.shared)
    torch.manual_seed(config.seed)
    for _ in range(2):  # the first one warms up
        accelerator.synchronize()
        started = time.perf_counter()
        loss(**batch).backward()
        accelerator.synchronize()
        seconds = time.perf_counter() - started
    loss.zero_grad()
    whole = seconds * config.gradient_accumulation_steps * len(plan)
    return f"about {duration(whole)} on {device} ({seconds:.2f} s for a micro-step, measured; validation not counted)"


def _guessed(config: TrainConfig, shape: ModelShape, data: TokenizedData, plan: Plan, world: int) -> str:
    """The time of the run by the device's peak, as far as it is known."""
    from deepspeed.accelerator import get_accelerator

    peak = peak_flops(get_accelerator().device_name())
    if peak is None:
        return "unknown: the model is too large to time a step here, and this device's peak is not known"
    lengths, passes = data.lengths, float(plan.pack_tokens.sum() / data.lengths.sum())
    pairs = int((lengths * (lengths + 1) // 2).sum())
    one_pass = hardware_flops(
        shape, int(lengths.sum()), int(data.scored_tokens.sum()), pairs, config.gradient_checkpointing
    )
    seconds = one_pass * passes / (peak * _SHARE * world)
    return f"roughly {duration(seconds)}, if the devices reach {_SHARE:.0%} of their peak (not measured)"
