"""Where the figures of a run go besides log.jsonl: TensorBoard's files, and what was asked for by name."""

import importlib.util
import os
from collections.abc import Callable
from typing import Any

from mentalglm.errors import UserError
from train.config import TrainConfig

Scalars = dict[str, float]
_PROJECT = "mentalglm"


class Trackers:
    """The trackers that ``report_to`` names; figures go to each, nothing else does: no text, no console output.

    Raises:
        UserError: One of them is not installed.
    """

    def __init__(self, config: TrainConfig, first_step: int) -> None:
        makers = {"tensorboard": _tensorboard, "wandb": _wandb, "swanlab": _swanlab}
        check_trackers(config)
        started = [makers[name](config, first_step) for name in config.report_to]
        self._write = [write for write, _ in started]
        self._close = [close for _, close in started]

    def write(self, scalars: Scalars, step: int) -> None:
        """Passes on the figures of one step."""
        for write in self._write:
            write(scalars, step)

    def close(self) -> None:
        """Writes what is still held back; nothing is passed on any more."""
        for close in self._close:
            close()
        self._write, self._close = [], []


def check_trackers(config: TrainConfig) -> None:
    """Refuses a tracker that is not there, before hours are spent; every rank may call it.

    Raises:
        UserError: It is not installed.
    """
    for name in config.report_to:
        if importlib.util.find_spec(name) is None:
            raise UserError(f"report_to: {name} is not installed; pip install {name}, or take {name} out of report_to")


_Started = tuple[Callable[[Scalars, int], None], Callable[[], None]]


def _tensorboard(config: TrainConfig, first_step: int) -> _Started:
    from torch.utils.tensorboard import SummaryWriter

    # Steps that a killed run took behind its last checkpoint are taken again: the viewer forgets the first time.
    # (A SummaryWriter has no types of its own.)
    writer: Any = SummaryWriter(str(config.output_dir / "tensorboard"), purge_step=first_step + 1)  # type: ignore[no-untyped-call]

    def write(scalars: Scalars, step: int) -> None:
        for name, value in scalars.items():
            writer.add_scalar(name, value, step)
        writer.flush()

    return write, writer.close


def _wandb(config: TrainConfig, first_step: int) -> _Started:
    import wandb

    # Without a key wandb would ask for one and wait; the run is then kept on disk, for `wandb sync` later.
    mode = os.environ.get("WANDB_MODE") or ("online" if os.environ.get("WANDB_API_KEY") else "offline")
    run = wandb.init(
        project=os.environ.get("WANDB_PROJECT", _PROJECT),
        name=config.output_dir.name,
        dir=str(config.output_dir),
        config=config.model_dump(mode="json"),
        mode=mode,
        # The console may show a sample; only figures leave this machine.
        settings=wandb.Settings(console="off", disable_code=True, disable_git=True),
    )
    return (lambda scalars, step: run.log(scalars, step=step)), run.finish


def _swanlab(config: TrainConfig, first_step: int) -> _Started:
    import swanlab

    mode = os.environ.get("SWANLAB_MODE") or ("online" if os.environ.get("SWANLAB_API_KEY") else "offline")
    folder = config.output_dir / "swanlab"
    folder.mkdir(parents=True, exist_ok=True)
    run = swanlab.init(
        project=os.environ.get("SWANLAB_PROJECT", _PROJECT),
        name=config.output_dir.name,
        log_dir=str(folder),
        config=config.model_dump(mode="json"),
        mode=mode,
        settings=swanlab.Settings(
            interactive=False,
            terminal=swanlab.Settings.Terminal(proxy_type="none"),
            probe=swanlab.Settings.Probe(git=False, requirements=False),
        ),
    )
    return (lambda scalars, step: run.log(scalars, step=step)), run.finish
