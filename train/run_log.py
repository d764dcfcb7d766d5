"""The course of a run: a live bar or plain lines for people, log.jsonl for programs, TensorBoard for both."""

import math
import time
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from train.config import TrainConfig
from train.flops import peak_flops, step_flops
from train.model_shape import ModelShape
from train.progress import LiveBar, Reading, plain_line, say
from train.read_log import read_log
from train.trackers import Trackers
from train.write_log import LOG, append_line, begin_log

# Steps whose pace foretells the rest: enough to even out long and short ones, few enough to follow a change.
_WINDOW = 64


class RunLog:
    """Tells people and programs of every step; used on rank 0 alone, as a context manager.

    ::

        with RunLog(config, first_step, len(plan), world, model_shape(model), engine.device) as log:
            log.step(1, loss=2.31, learning_rate=1e-4, grad_norm=0.8, tokens=4096, scored_tokens=903)
            log.evaluation(1, {"macro_f1": 0.61, "macro_f1/suicide_risk": 0.64})

    A line of ``log.jsonl`` is either a step's (``step, epoch, loss, learning_rate, grad_norm, tokens, scored_tokens,
    tokens_per_second, mfu, memory_gib, seconds``) or an evaluation's (``step, evaluation``). A resumed run goes on in
    the same file; where it takes a step again, the later line counts (:func:`train.read_log.read_log`). A run that
    starts at step 0 puts an older log aside.

    Args:
        config: The settings.
        first_step: Steps done before this process began.
        total_steps: Steps of the whole run.
        world: The number of ranks.
        shape: The model's, for MFU.
        device: This rank's device.
        steps_per_epoch: Steps in one pass over the data; by default all steps divided by ``num_train_epochs``.

    Raises:
        UserError: ``report_to`` names a tracker that is not installed.
    """

    def __init__(
        self,
        config: TrainConfig,
        first_step: int,
        total_steps: int,
        world: int,
        shape: ModelShape,
        device: Any,
        steps_per_epoch: float | None = None,
    ) -> None:
        self._config, self._total_steps, self._device, self._shape = config, total_steps, device, shape
        self._steps_per_epoch = steps_per_epoch or total_steps / config.num_train_epochs
        peak = peak_flops(device)
        self._peak = None if peak is None else peak * world
        config.output_dir.mkdir(parents=True, exist_ok=True)
        self._path = config.output_dir / LOG
        begin_log(self._path, first_step)
        self._trackers = Trackers(config, first_step)
        self._bar = LiveBar(first_step, total_steps) if _on_terminal() else None
        self._started = self._last = time.monotonic()
        self._ends: deque[float] = deque([self._started], maxlen=_WINDOW + 1)
        self._busy, self._tokens, self._flops = 0.0, 0, 0.0  # since the last line
        self._macro_f1: float | None = None
        self._best: tuple[float, int] | None = None
        if first_step > 0:
            for step, scores in read_log(config.output_dir).evaluations.items():
                if step <= first_step:
                    self._note(step, scores)

    def __enter__(self) -> "RunLog":
        if self._bar is not None:
            self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the bar and the trackers; the ``with`` block calls it, and a second time does no harm."""
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
        self._trackers.close()

    def step(
        self,
        step: int,
        loss: float,
        learning_rate: float,
        grad_norm: float | None,
        tokens: int,
        scored_tokens: int,
        pairs: int = 0,
    ) -> None:
        """Tells of a step; called after every one.

        Args:
            step: Its number, from 1.
            loss: Mean over its scored tokens on all ranks, in nats.
            learning_rate: Of the step.
            grad_norm: Before clipping; None where it is not known.
            tokens: Tokens over all ranks, padding excluded.
            scored_tokens: Those that the loss counts.
            pairs: Σ L·(L+1)/2 over its examples' lengths L, for attention's share of MFU.
        """
        now = time.monotonic()
        self._busy += now - self._last
        self._last = now
        self._ends.append(now)
        self._tokens += tokens
        self._flops += step_flops(self._shape, tokens, scored_tokens, pairs)
        turn = step % self._config.logging_steps == 0 or step == self._total_steps
        if not turn and self._bar is None:
            return
        reading = self._reading(step, loss, learning_rate, grad_norm)
        if self._bar is not None:
            self._bar.update(reading)
        if turn:
            self._write_line(reading, now, tokens, scored_tokens)
            self._busy, self._tokens, self._flops = 0.0, 0, 0.0

    def evaluation(self, step: int, scores: dict[str, float]) -> None:
        """Tells of a measurement on the validation split.

        Args:
            step: Steps done.
            scores: ``macro_f1`` overall, ``macro_f1/TASK`` each, and whatever else was measured (``loss``).
        """
        self.rest()
        self._note(step, scores)
        append_line(self._path, {"step": step, "evaluation": scores})
        self._trackers.write({f"validation/{name}": value for name, value in scores.items()}, step)
        say(f"step {step}/{self._total_steps}  validation: " + "  ".join(f"{k} {v:.3f}" for k, v in scores.items()))

    def rest(self) -> None:
        """The time since the last step went into something else (a checkpoint): tokens/s and MFU leave it out."""
        self._last = time.monotonic()

    def _note(self, step: int, scores: Mapping[str, float | None]) -> None:
        score = scores.get("macro_f1")
        if score is None or math.isnan(score):
            return
        self._macro_f1 = score
        if self._best is None or score > self._best[0]:
            self._best = (score, step)

    def _reading(self, step: int, loss: float, learning_rate: float, grad_norm: float | None) -> Reading:
        busy = max(self._busy, 1e-9)
        pace = (self._ends[-1] - self._ends[0]) / (len(self._ends) - 1)
        return Reading(
            step=step,
            total_steps=self._total_steps,
            loss=loss,
            learning_rate=learning_rate,
            grad_norm=grad_norm,
            tokens_per_second=self._tokens / busy,
            mfu=None if self._peak is None else self._flops / busy / self._peak,
            memory_gib=_peak_memory(self._device) / 2**30,
            seconds_left=pace * (self._total_steps - step),
            macro_f1=self._macro_f1,
            best=self._best,
        )

    def _write_line(self, reading: Reading, now: float, tokens: int, scored_tokens: int) -> None:
        line = {
            "step": reading.step,
            "epoch": round(reading.step / self._steps_per_epoch, 4),
            "loss": reading.loss,
            "learning_rate": reading.learning_rate,
            "grad_norm": reading.grad_norm,
            "tokens": tokens,
            "scored_tokens": scored_tokens,
            "tokens_per_second": round(reading.tokens_per_second, 1),
            "mfu": None if reading.mfu is None else round(reading.mfu, 4),
            "memory_gib": round(reading.memory_gib, 3),
            "seconds": round(now - self._started, 3),
        }
        append_line(self._path, line)
        names = ("loss", "learning_rate", "grad_norm", "tokens_per_second", "mfu", "memory_gib", "epoch")
        scalars = {f"train/{name}": value for name in names if (value := line[name]) is not None}
        self._trackers.write(scalars, reading.step)
        if self._bar is None:
            say(plain_line(reading))


def _on_terminal() -> bool:
    from rich.console import Console

    console = Console(stderr=True)
    return console.is_terminal and not console.is_dumb_terminal


def _peak_memory(device: Any) -> int:
    """Bytes: what the device had allocated at most, or on a CPU what this process had resident at most."""
    import resource

    import torch

    if torch.device(device).type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
