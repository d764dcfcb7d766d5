"""Instruction-tunes a GLM: ``deepspeed train/run.py CONFIG.yaml [key.sub=value …]``.

The whole story, top to bottom: read the settings, start the ranks, encode and pack the instructions, step, save.
Everything that decides what a step sees is a function of the settings and the step's number, so a resumed run goes on
exactly where the stopped one was.
"""

import argparse
import math
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

# A launcher puts train/ first in sys.path, where a file called "data" or "model" would shadow packages of that name.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from mentalglm.errors import UserError
from train.config import TrainConfig, load_config
from train.data import Example, collate, encode_rows, pack, read_instructions
from train.loss import AnswerLoss
from train.model import starting_model
from train.plan import Packs, plan_steps, scored_weight
from train.progress import StepLog, say, show_plan
from train.save import check_same_run, checkpoints, save_checkpoint, save_model
from train.schedule import learning_rate_at


def main(argv: list[str] | None = None) -> int:
    """Runs one training; returns the exit code."""
    parser = argparse.ArgumentParser(prog="deepspeed train/run.py", description="Instruction-tunes a GLM.")
    parser.add_argument("config", type=Path)
    parser.add_argument("overrides", nargs="*", metavar="key.sub=value")
    parser.add_argument("--local_rank", type=int, default=0, help="given by the launcher")
    args = parser.parse_args(argv)
    try:
        train(load_config(args.config, args.overrides))
    except UserError as error:
        if os.environ.get("RANK", "0") == "0":
            say(f"error: {error}")
        return 2
    return 0


def train(config: TrainConfig) -> None:
    """Trains as ``config`` says.

    Raises:
        UserError: The settings don't fit the data, the model or the machine.
    """
    import torch
    import torch.distributed as dist

    rank, world = _start_ranks()
    torch.manual_seed(config.seed)
    rows = read_instructions(config.data, "train")
    model, tokenizer = starting_model(config)
    examples, left_out = encode_rows(rows, tokenizer, config.loss_on, config.max_seq_length, config.max_tokens)
    held_back = read_instructions(config.data, "validation")
    validation = encode_rows(held_back, tokenizer, config.loss_on, config.max_seq_length)[0] if held_back else []
    plan = plan_steps(examples, config, world)
    if rank == 0:
        show_plan(model, tokenizer, examples, left_out, len(plan), config)
    if config.dry_run:
        return

    engine = _engine(AnswerLoss(model, config.label_smoothing), config)
    first_step = _resume(engine, config)
    log = StepLog(config, first_step, len(plan))
    stop = _stop_on_sigterm()
    for step in range(first_step, len(plan)):
        loss, stopping = _step(engine, examples, plan, step, tokenizer.pad_token_id, log, config, stop)
        done = step + 1
        if rank == 0:
            log.step(done, loss)
        if done % config.save_steps == 0 or done == len(plan) or stopping:
            save_checkpoint(engine, config, done)
        if stopping and done < len(plan):
            if rank == 0:
                say(f"stopped by SIGTERM after step {done}; the same command resumes")
            return

    if validation:
        loss = _validation_loss(engine, validation, tokenizer.pad_token_id, config)
        if rank == 0:
            say(f"validation loss {loss:.4f} nats per scored token")
    if rank == 0:
        say(f"model saved to {save_model(model, tokenizer, config, rows)}")
    dist.barrier()


def _step(
    engine: Any,
    examples: list[Example],
    plan: list[list[Packs]],
    step: int,
    pad: int,
    log: StepLog,
    config: TrainConfig,
    stop: dict[str, bool],
) -> tuple[float, bool]:
    """One optimizer step; returns its mean loss over all ranks, and whether any rank was asked to stop."""
    import torch
    import torch.distributed as dist

    rank, world = dist.get_rank(), dist.get_world_size()
    torch.manual_seed(config.seed + step * world + rank)  # an adapter's dropout, too, goes by the step's number
    for group in engine.optimizer.param_groups:
        group["lr"] = learning_rate_at(step, len(plan), config.learning_rate, config.warmup_ratio)
    scored = sum(scored_weight(examples, packs) for packs in plan[step])
    loss_sum = 0.0
    for packs in plan[step][rank::world]:
        batch = _batch(examples, packs, pad, engine.device)
        loss = engine(**batch)
        # DeepSpeed averages over ranks and micro-steps; the mean wanted is over the step's scored tokens.
        engine.backward(loss * (world * config.gradient_accumulation_steps / scored))
        engine.step()
        loss_sum += loss.item()
        log.tokens += batch["input_ids"].numel() * world
    told = torch.tensor([loss_sum, float(stop["asked"])], device=engine.device, dtype=torch.float64)
    dist.all_reduce(told)
    mean = told[0].item() / scored
    if not math.isfinite(mean):
        raise UserError(f"the loss is {mean} at step {step + 1}; lower learning_rate={config.learning_rate}")
    return mean, told[1].item() > 0


def _validation_loss(engine: Any, examples: list[Example], pad: int, config: TrainConfig) -> float:
    """Mean loss over the scored tokens of ``examples``; every rank computes all of it."""
    import torch

    engine.module.eval()
    packs = pack([len(example.ids) for example in examples], config.max_seq_length, config.seed)
    total = 0.0
    with torch.no_grad():
        for start in range(0, len(packs), config.per_device_train_batch_size):
            some = packs[start : start + config.per_device_train_batch_size]
            total += engine.module(**_batch(examples, some, pad, engine.device)).item()
    return total / scored_weight(examples, packs)


def _engine(module: AnswerLoss, config: TrainConfig) -> Any:
    import deepspeed
    import torch

    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(
        [group for group in groups if group["params"]], lr=config.learning_rate, betas=(0.9, config.adam_beta2)
    )
    settings = {
        "train_micro_batch_size_per_gpu": config.per_device_train_batch_size,
        "gradient_accumulation_steps": config.gradient_accumulation_steps,
        "gradient_clipping": config.max_grad_norm,
        "zero_optimization": {"stage": config.zero_stage},
        "bf16": {"enabled": config.dtype == "bf16"},
        "zero_allow_untested_optimizer": True,
    }
    return deepspeed.initialize(model=module, optimizer=optimizer, config=settings)[0]


def _resume(engine: Any, config: TrainConfig) -> int:
    """Loads the checkpoint that ``resume`` asks for; returns the step to go on with."""
    if config.resume == "never":
        return 0
    if config.resume == "auto":
        found = checkpoints(config.output_dir)
        if not found:
            return 0
        path = found[-1]
    else:
        path = Path(config.resume)
    check_same_run(path, config, engine.world_size)
    _, state = engine.load_checkpoint(str(path.parent), tag=path.name)
    if engine.global_rank == 0:
        say(f"resumed from {path}")
    return int(state["step"])


def _start_ranks() -> tuple[int, int]:
    """Joins the launcher's ranks; without a launcher, this process is the only one. Returns rank and world size."""
    import deepspeed
    import torch.distributed as dist
    from deepspeed.accelerator import get_accelerator

    alone = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": _free_port()}
    for key, value in alone.items():
        os.environ.setdefault(key, value)
    deepspeed.init_distributed(dist_backend=get_accelerator().communication_backend_name(), verbose=False)
    return dist.get_rank(), dist.get_world_size()


def _free_port() -> str:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return str(server.getsockname()[1])


def _stop_on_sigterm() -> dict[str, bool]:
    stop = {"asked": False}
    signal.signal(signal.SIGTERM, lambda *_: stop.update(asked=True))
    return stop


def _batch(examples: list[Example], packs: Packs, pad: int, device: Any) -> dict[str, Any]:
    import torch

    arrays = collate([[examples[i] for i in one] for one in packs], pad)
    return {key: torch.from_numpy(value).to(device) for key, value in arrays.items()}


if __name__ == "__main__":
    sys.exit(main())
