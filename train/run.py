"""Instruction-tunes a GLM: ``deepspeed train/run.py CONFIG.yaml [key.sub=value …]``.

The whole story, top to bottom: read the settings, start the ranks, load the model, encode and pack the instructions,
step, measure, save. Everything that decides what a step sees is a function of the settings and the step's number, so a
resumed run goes on exactly where the stopped one was.
"""

import argparse
import gc
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

# A launcher puts train/ first in sys.path, where a file called "data" or "model" would shadow packages of that name.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from mentalglm.errors import UserError
from train.aside import check_writable
from train.checkpoint import clear_unfinished, resume, save_checkpoint
from train.config import TrainConfig
from train.data import pad_id
from train.dry_run import dry_run
from train.early_stopping import Best, is_due
from train.engine import deepspeed_settings, shard_while_loading, start_engine
from train.merge import merge_adapter, warn_if_apart
from train.model import starting_model
from train.model_shape import ModelShape, model_shape
from train.plan import Plan, plan_steps
from train.plan_report import show_plan, steps_per_epoch
from train.plots import draw_plots
from train.progress import say
from train.ranks import StopSignal, start_ranks
from train.read_config import load_config
from train.run_log import RunLog
from train.save import save_model
from train.step import LossWatch, take_step, validation_loss
from train.tokenized import TokenizedData, check_measurable, tokenize_on_one_rank
from train.trackers import check_trackers
from train.validation import Validation
from train.verify import device_with_room


def main(argv: list[str] | None = None) -> int:
    """Runs one training; returns the exit code."""
    parser = argparse.ArgumentParser(prog="deepspeed train/run.py", description="Instruction-tunes a GLM.")
    parser.add_argument("config", type=Path)
    parser.add_argument("overrides", nargs="*", metavar="key.sub=value")
    parser.add_argument("--local_rank", type=int, default=0, help="given by the launcher")
    args = parser.parse_args(argv)
    try:
        config = load_config(args.config, args.overrides)
        best = train(config)
        if best is not None and os.environ["RANK"] == "0":
            finish(config, best)
    except UserError as error:
        # All ranks make the same mistakes; only a disk may be full for one of them alone.
        if os.environ.get("RANK", "0") == "0" or error.code == "disk":
            say(f"error: {error}")
        return 2
    return 0


def train(config: TrainConfig) -> Best | None:
    """Trains as ``config`` says.

    Returns:
        Which measurement the saved model had; None where there was only a plan, or the run was stopped before its end.

    Raises:
        UserError: The settings don't fit the data, the model or the machine.
    """
    import torch

    check_trackers(config)
    check_measurable(config)
    rank, world = start_ranks()
    settings = deepspeed_settings(config, world)
    if config.dry_run:
        dry_run(config, settings, rank, world)
        return None
    check_writable(config.output_dir)
    sharding = shard_while_loading(settings)  # in force as long as it lives
    torch.manual_seed(config.seed)
    model, tokenizer = starting_model(config, settings)
    pad = pad_id(tokenizer)
    data = tokenize_on_one_rank(config, tokenizer, "train", config.max_tokens)
    assert data is not None  # a folder without a training split is refused by name
    held_back = tokenize_on_one_rank(config, tokenizer, "validation")
    validation = Validation.prepare(config, tokenizer, rank, world)
    plan = plan_steps(data, config, world)
    if rank == 0:
        show_plan(config, model, tokenizer, data, plan, world, settings)

    shape = model_shape(model)
    engine = start_engine(model, config, settings)
    del sharding
    if rank == 0:
        clear_unfinished(config.output_dir)
    state = resume(engine, config) or {"step": 0}
    # The best model so far lies in output_dir; where that is another one now, the next measurement is the first.
    step, best = state["step"], Best.from_state(state.get("best") if (config.output_dir / "model").is_dir() else None)
    if rank == 0 and step:
        say(f"resumed after step {step}")
    stop, watch = StopSignal(), LossWatch(config)
    with _log(config, step, data, plan, shape, engine) as log:
        while True:
            if held_back is not None and is_due(step, len(plan), config.eval_steps):
                scores = _measure(engine, validation, held_back, pad, config)
                if log:
                    log.evaluation(step, scores)
                if best.update(step, scores.get("macro_f1", -scores["loss"])):
                    save_model(engine, tokenizer, config, data.tasks)
            if step == len(plan) or best.exhausted(config.early_stopping_patience):
                break
            taken = take_step(engine, data, plan, step, pad, config, stop.asked)
            step += 1
            watch.check(step, taken)
            if log:
                log.step(
                    step,
                    loss=taken.loss,
                    learning_rate=taken.learning_rate,
                    grad_norm=taken.grad_norm,
                    tokens=taken.tokens,
                    scored_tokens=taken.scored_tokens,
                    pairs=taken.pairs,
                )
            if step % config.save_steps == 0 or step == len(plan) or taken.stopping:
                save_checkpoint(engine, config, step, {"best": best.state()})
            if log:
                log.rest()
            if taken.stopping and step < len(plan):
                if log:
                    command = (
                        "the same command resumes" if config.resume == "auto" else "resume=auto goes on from there"
                    )
                    say(f"stopped after step {step}; {command}")
                return None
    if best.step is None:  # nothing to choose by
        save_model(engine, tokenizer, config, data.tasks)
    return best


def _log(
    config: TrainConfig, step: int, data: TokenizedData, plan: Plan, shape: ModelShape, engine: Any
) -> AbstractContextManager[RunLog | None]:
    """The log that rank 0 keeps; the other ranks keep none."""
    if engine.global_rank:
        return nullcontext()
    per_epoch = steps_per_epoch(data, plan)
    return RunLog(config, step, len(plan), engine.world_size, shape, engine.device, per_epoch)


def _measure(
    engine: Any, validation: Validation | None, held_back: TokenizedData, pad: int, config: TrainConfig
) -> dict[str, float]:
    """Macro-F1 and loss on the validation split; every rank calls it."""
    scores = validation.macro_f1(engine.module.model, engine.device) if validation else {}
    return scores | {"loss": validation_loss(engine, held_back, pad, config)}


def finish(config: TrainConfig, best: Best) -> None:
    """What follows the last step, on rank 0: plots of the run, and the merged model if one is asked for.

    Raises:
        UserError: There is no room to merge.
    """
    draw_plots(config.output_dir)
    adapter, merged = config.output_dir / "model", config.output_dir / "merged"
    say(f"model saved to {adapter}" + (f", as it was after step {best.step}" if best.step is not None else ""))
    if config.merge:
        gc.collect()  # the engine's parts hold each other: until now its memory was taken
        device = device_with_room(adapter, {"fp32": 4, "bf16": 2}[config.dtype])
        if device is None:
            raise UserError(
                f"merge: no room for the whole model; where there is: python -m train.merge {adapter} {merged}"
            )
        warn_if_apart(merge_adapter(adapter, merged, config.save_dtype, device=device), merged)


if __name__ == "__main__":
    sys.exit(main())
