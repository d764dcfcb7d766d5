"""The plan of a run, told before its first step: the model, the data, the steps, what they need, one sample."""

import os
from collections import Counter
from typing import Any

from train.config import TrainConfig
from train.memory import estimate_memory
from train.model_shape import ModelShape, model_shape
from train.plan import Plan
from train.progress import say
from train.sample import show_sample
from train.tokenized import TokenizedData

Lines = list[tuple[str, str]]


def show_plan(
    config: TrainConfig,
    model: Any,
    tokenizer: Any,
    data: TokenizedData,
    plan: Plan,
    world: int,
    settings: dict[str, Any],
    time_needed: str | None = None,
) -> None:
    """Prints the plan and one sample; called on rank 0.

    Args:
        config: The settings.
        model: The model to be trained, with its adapter; on the meta device, too.
        tokenizer: The model's.
        data: The training data.
        plan: The steps.
        world: The number of ranks.
        settings: The DeepSpeed settings, as filled in for this run.
        time_needed: What is known of the time, such as ``12 min (one step was measured)``; None says nothing.
    """
    shape = model_shape(model)
    lines = model_lines(config, model, shape) + data_lines(config, data, plan, world)
    share = float(data.scored_tokens.sum() / data.lengths.sum())
    lines += memory_lines(config, shape, world, settings, _device(model), share)
    if time_needed is not None:
        lines.append(("time", time_needed))
    print_lines(lines)
    show_sample(config, tokenizer, data)


def model_lines(config: TrainConfig, model: Any, shape: ModelShape) -> Lines:
    """What the model is, and which part of it is trained."""
    name = config.model or "made new"
    share = f"{shape.trained:,} trained ({shape.trained / shape.parameters:.2%})"
    lines = [("model", f"{name}: {shape.parameters:,} parameters, {share}")]
    for adapter in getattr(model, "peft_config", {}).values():
        kind = "DoRA" if adapter.use_dora else "rsLoRA" if adapter.use_rslora else "LoRA"
        names = adapter.target_modules
        targets = names if isinstance(names, str) else " ".join(sorted(names))
        start = f", from {config.adapter}" if config.adapter else ""
        lines.append(("adapter", f"{kind} of rank {adapter.r}, alpha {adapter.lora_alpha}, on {targets}{start}"))
    return lines


def data_lines(config: TrainConfig, data: TokenizedData, plan: Plan, world: int) -> Lines:
    """What is read, and in which portions."""
    tokens, scored = int(data.lengths.sum()), int(data.scored_tokens.sum())
    lines = [("data", f"{len(data):,} examples, {tokens:,} tokens, {scored:,} of them scored ({scored / tokens:.1%})")]
    counts = Counter(data.row_tasks)
    lines.append(("tasks", ", ".join(f"{name} {counts[name]:,}" for name in data.tasks)))
    if data.truncated:
        lines.append(("cut", f"{data.truncated:,} posts, to fit max_seq_length={config.max_seq_length}"))
    if data.left_out:
        lines.append(("left out", f"{data.left_out:,} rows longer than max_seq_length={config.max_seq_length}"))
    used, packs = int(plan.pack_tokens.sum()), len(plan.pack_tokens)
    fill = used / packs / config.max_seq_length
    lines.append(("packs", f"{packs:,} of {config.max_seq_length:,} tokens, {fill:.1%} full"))
    ranks = f"{world} ranks × " if world > 1 else ""
    micro = f"{config.gradient_accumulation_steps} micro-steps × " if config.gradient_accumulation_steps > 1 else ""
    at_once = config.per_device_train_batch_size
    of_what = f"{ranks}{micro}{at_once} {'packs' if at_once > 1 else 'pack'} and {used / len(plan):,.0f} tokens"
    lines.append(
        (
            "steps",
            f"{len(plan):,} steps of {of_what}; one pass over the data is {steps_per_epoch(data, plan):,.1f} steps",
        )
    )
    return lines


def steps_per_epoch(data: TokenizedData, plan: Plan) -> float:
    """Steps in which as many tokens pass as the data have."""
    return float(data.lengths.sum() / plan.pack_tokens.sum()) * len(plan)


def memory_lines(
    config: TrainConfig, shape: ModelShape, world: int, settings: dict[str, Any], device: str, scored_share: float
) -> Lines:
    """What every device needs, and a word of advice where this one has less."""
    need = estimate_memory(config, shape, world, settings, device, scored_share)
    parts = {
        "weights": need.weights,
        "gradients": need.gradients + need.buckets,
        "optimizer": need.optimizer,
        "activations": need.activations,
        "logits": need.logits,
    }
    # What the optimizer needs for a moment is not listed: then no activation is alive.
    told = ", ".join(f"{name} {size(amount)}" for name, amount in parts.items())
    where = "rank" if device == "cpu" else "GPU"
    lines = [("memory", f"about {size(need.peak)} a {where} at the peak"), ("", told)]
    if need.host:
        lines.append(("", f"and {size(need.host)} of the computer's own memory for each {where}"))
    there = _memory_there(device)
    if there is not None and need.peak > there:
        ways = "gradient_checkpointing=true, a smaller per_device_train_batch_size, or deepspeed=zero3"
        lines.append(("", f"more than the {size(there)} that a {where} has here: try {ways}"))
    return lines


def size(amount: float) -> str:
    """Bytes for people: ``880 MiB``, ``21.3 GiB``."""
    mebibytes = amount / 2**20
    if mebibytes < 10:
        return f"{mebibytes:.1f} MiB"
    return f"{mebibytes:.0f} MiB" if mebibytes < 1000 else f"{mebibytes / 1024:.1f} GiB"


def _device(model: Any) -> str:
    """What kind of device the model will be trained on; one that is too large to be loaded here, on a GPU."""
    from deepspeed.accelerator import get_accelerator

    outlined = any(parameter.device.type == "meta" for parameter in model.parameters())
    return "cpu" if not outlined and get_accelerator().device_name() == "cpu" else "cuda"


def _memory_there(device: str) -> int | None:
    """Bytes that a device of this kind has here; None where there is no such device."""
    import torch

    if device == "cpu":
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return torch.cuda.get_device_properties(0).total_memory if torch.cuda.is_available() else None


def print_lines(lines: Lines) -> None:
    """Prints names and values in two columns, on stderr."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console, width = Console(stderr=True), max(len(name) for name, _ in lines)
    if not console.is_terminal:
        for name, value in lines:
            say(f"{name:<{width}}  {value}")
        return
    table = Table.grid(padding=(0, 2))
    for name, value in lines:
        table.add_row(Text(name, "bold cyan"), Text(value))
    console.print(table)
