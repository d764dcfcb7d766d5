"""What people see of a run on stderr: single lines, and on a terminal a live bar below them."""

import sys
from dataclasses import dataclass
from types import TracebackType
from typing import Any


def say(text: str) -> None:
    """One line for people, on stderr; above the live bar while there is one."""
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Reading:
    """What is known of a run after a step.

    Attributes:
        step: Optimizer steps done, over the whole run.
        total_steps: Those to do.
        loss: Mean over the step's scored tokens, in nats.
        learning_rate: Of this step.
        grad_norm: Before clipping; None where it is not known.
        tokens_per_second: Over all ranks, padding excluded.
        mfu: Share of the devices' peak that the model's own operations make up; None where no peak is known.
        memory_gib: Peak of this rank so far: device memory on a GPU, resident memory on a CPU.
        seconds_left: From the last steps' pace; None before there is one.
        macro_f1: The newest on the validation split, if measured.
        best: The best so far and its step, if measured.
    """

    step: int
    total_steps: int
    loss: float
    learning_rate: float
    grad_norm: float | None
    tokens_per_second: float
    mfu: float | None
    memory_gib: float
    seconds_left: float | None
    macro_f1: float | None = None
    best: tuple[float, int] | None = None


def figures(reading: Reading) -> list[tuple[str, str]]:
    """The figures worth showing, as (name, value); what is not known is left out."""
    shown = [("loss", f"{reading.loss:.4f}"), ("lr", f"{reading.learning_rate:.2e}")]
    if reading.grad_norm is not None:
        shown.append(("grad", f"{reading.grad_norm:.2f}"))
    shown.append(("tokens/s", f"{reading.tokens_per_second:,.0f}"))
    if reading.mfu is not None:
        shown.append(("MFU", f"{reading.mfu:.0%}"))
    shown.append(("memory", f"{reading.memory_gib:.1f} GiB"))
    if reading.macro_f1 is not None:
        best = f" (best {reading.best[0]:.3f} at {reading.best[1]:,})" if reading.best else ""
        shown.append(("macro-F1", f"{reading.macro_f1:.3f}{best}"))
    return shown


def plain_line(reading: Reading) -> str:
    """One line of a log that is no terminal."""
    parts = [f"step {reading.step}/{reading.total_steps}", *(f"{name} {value}" for name, value in figures(reading))]
    if reading.seconds_left is not None and reading.step < reading.total_steps:
        parts.append(f"{duration(reading.seconds_left)} left")
    return "  ".join(parts)


def duration(seconds: float) -> str:
    """A time for people: ``40 s``, ``12 min``, ``3 h 05 min``, ``2 d 4 h``."""
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"


class LiveBar:
    """The bar at the foot of a terminal; what is said meanwhile scrolls above it.

    Args:
        first_step: Steps done before this process began.
        total_steps: Steps of the whole run.
        console: A ``rich`` console; by default one on stderr.
    """

    def __init__(self, first_step: int, total_steps: int, console: Any = None) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = console or Console(stderr=True)
        self._first_step, self._total_steps = first_step, total_steps
        self._live = Live(self._bar(first_step, None), console=self._console, refresh_per_second=4)

    def __enter__(self) -> "LiveBar":
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def update(self, reading: Reading) -> None:
        """Shows the newest reading."""
        self._live.update(self._bar(reading.step, reading))

    def _bar(self, step: int, reading: Reading | None) -> Any:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        total, unknown = self._total_steps, reading is None or reading.seconds_left is None or step == self._total_steps
        left = "" if unknown or reading is None else f"{duration(reading.seconds_left or 0)} left"
        top = Table.grid(padding=(0, 2), expand=True)
        top.add_column(no_wrap=True)
        top.add_column(ratio=1)
        top.add_column(no_wrap=True, justify="right")
        top.add_row(
            # As wide at the first step as at the last: the bar must not move.
            Text.assemble("step ", (f"{step:>{len(f'{total:,}')},}", "bold"), f" of {total:,}"),
            ProgressBar(total=total, completed=step, complete_style="cyan", finished_style="green"),
            Text(f"{step / total:.1%}  {left}".rstrip()),
        )
        if reading is None:
            return Group(top, Text("the first step is under way …", "dim"))
        lines = [Text(), Text()]
        for name, value in figures(reading):
            line = lines[name == "macro-F1"]
            line.append(f"{'  ' if line else ''}{name} ", "dim").append(value)
        return Group(top, *filter(None, lines))
