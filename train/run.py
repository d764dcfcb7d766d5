"""Instruction-tunes a GLM: ``deepspeed train/run.py CONFIG.yaml [key.sub=value …]``.

The whole story, top to bottom: read the settings, start the ranks, load the model, encode and pack the instructions,
step, measure, save. Everything that decides what a step sees is a function of the settings and the step's number, so a
resumed run goes on exactly where the stopped one was.
"""

import argparse
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

# A launcher puts train/ first in sys.path, where a file called "data" or "model" would shadow packages of that name.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from mentalglm.errors import UserError
from train.checkpoint import clear_unfinished, resume, save_checkpoint
from train.config import TrainConfig
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
from train.tokenized import TokenizedData, tokenize_on_one_rank
from train.trackers import check_trackers
from train.validation import Validation


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

    check_trackers(config)
    rank, world = start_ranks()
    settings = deepspeed_settings(config, world)
    if config.dry_run:
        dry_run(config, settings, rank, world)
        return
    sharding = shard_while_loading(settings)  # in force as long as it lives
    torch.manual_seed(config.seed)
    model, tokenizer = starting_model(config, settings)
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
    step, best = state["step"], Best.from_state(state.get("best"))
    if rank == 0 and step:
        say(f"resumed after step {step}")
    stop, watch = StopSignal(), LossWatch(config)
    with _log(config, step, data, plan, shape, engine) as log:
        while True:
            if held_back is not None and is_due(step, len(plan), config.eval_steps):
                scores = _measure(engine, validation, held_back, tokenizer.pad_token_id, config)
                if log:
                    log.evaluation(step, scores)
                if best.update(step, scores.get("macro_f1", -scores["loss"])):
                    _keep(engine, tokenizer, config, data)
            if step == len(plan) or best.exhausted(config.early_stopping_patience):
                break
            taken = take_step(engine, data, plan, step, tokenizer.pad_token_id, config, stop.asked)
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
                    say(f"stopped after step {step}; the same command resumes")
                return
    if best.step is None:  # nothing to choose by
        _keep(engine, tokenizer, config, data)
    if rank == 0:
        _finish(config, best)


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


def _keep(engine: Any, tokenizer: Any, config: TrainConfig, data: TokenizedData) -> None:
    """Saves the model as it stands, opens what was saved again and checks it; every rank calls it."""
    save_model(engine, tokenizer, config, data.tasks)


def _finish(config: TrainConfig, best: Best) -> None:
    """What follows the last step, on rank 0: plots of the run, and the merged model if one is asked for."""
    draw_plots(config.output_dir)
    adapter, merged = config.output_dir / "model", config.output_dir / "merged"
    say(f"model saved to {adapter}" + (f", as it was after step {best.step}" if best.step is not None else ""))
    if config.merge:
        warn_if_apart(merge_adapter(adapter, merged, config.save_dtype), merged)


if __name__ == "__main__":
    sys.exit(main())
