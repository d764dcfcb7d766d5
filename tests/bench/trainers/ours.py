"""Ours: ``train/run.py`` as it is, looked at where it tells its log of a step."""

import os
from pathlib import Path
from typing import Any

from tests.bench.trainers.watch import Job, Watch, pin_to_one_core, read_job


def main() -> None:
    """Trains as the job says."""
    job = read_job()
    if job.extra.get("pin"):
        pin_to_one_core()
    import deepspeed  # noqa: F401  (what a run needs in any case; the others' memory is taken after theirs)
    import peft  # noqa: F401

    from train import run
    from train.flops import step_flops
    from train.read_config import load_config
    from train.run_log import RunLog

    watch = Watch(job)
    tell = RunLog.step

    def watched(log: Any, step: int, loss: float, *rest: Any, **told: Any) -> None:
        tell(log, step, loss, *rest, **told)
        tokens, scored = told["tokens"], told["scored_tokens"]
        watch.count(tokens, scored, step_flops(log._shape, tokens, scored, told["pairs"]))
        watch.step_done(loss)

    RunLog.step = watched  # type: ignore[method-assign, assignment]
    run.train(load_config(write_config(job), []))
    if os.environ.get("RANK", "0") == "0":
        watch.write()


def write_config(job: Job) -> Path:
    """The job as the YAML of ``train/run.py``; returns its path."""
    import yaml

    settings: dict[str, Any] = {
        "output_dir": str(Path(job.out) / "run"),
        "model": job.model,
        "data": job.data,
        "max_seq_length": job.seq_length,
        "per_device_train_batch_size": job.packs,
        "num_train_epochs": job.epochs,
        "learning_rate": job.learning_rate,
        "weight_decay": 0.01,
        "logging_steps": job.logging_steps,
        "save_steps": 1_000_000,
        "report_to": [],
        "resume": "never",
        "gradient_checkpointing": "checkpointing" in job.variant,
    }
    if job.lora:
        settings["lora"] = {"r": 8, "alpha": 32, "dropout": 0.05, "target_modules": "all-linear"}
    settings |= job.extra.get("settings", {})
    path = Path(job.out) / f"run{os.environ.get('RANK', '0')}.yaml"
    path.write_text(yaml.safe_dump(settings), "utf-8")
    return path


if __name__ == "__main__":
    main()
