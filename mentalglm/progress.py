"""How far a long run is, on stderr: a bar with the time left on a terminal, a line a minute in a log."""

import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

_T = TypeVar("_T")
_LOG_EVERY = 60.0  # seconds
_WORDS = {"zh": ("分析", "行", "剩余约"), "en": ("analysing", "rows", "about", "left")}


@dataclass
class Meter:
    """How far a file has been read, in whatever unit its reader counts.

    Attributes:
        done: What was read.
        total: All there is; None or 0 where nobody can know, as in a pipe.
    """

    done: float = 0
    total: float | None = None

    def share(self) -> float | None:
        """The part that was read, from 0 to 1; None where it cannot be known."""
        return min(self.done / self.total, 1.0) if self.total else None


def with_progress(chunks: Iterator[list[_T]], meter: Meter, before: int, lang: str) -> Iterator[list[_T]]:
    """Passes ``chunks`` on and shows how far they are.

    The share is that of the input read, so nothing is read twice to count it.

    Args:
        chunks: The finished rows, in pieces.
        meter: How far the input has been read when a chunk arrives.
        before: Rows that an earlier run had finished.
        lang: ``zh`` or ``en``.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (TextColumn(_WORDS[lang][0]), BarColumn(), TextColumn("{task.fields[note]}"))
    bar: Any = Progress(*columns, console=console, transient=True) if console.is_terminal else None
    started, began, said, rows = time.monotonic(), meter.share(), time.monotonic(), before
    with bar or nullcontext():
        task = bar.add_task("", total=1.0 if began is not None else None, note="") if bar else None
        for chunk in chunks:
            yield chunk
            rows += len(chunk)
            note = describe(rows, meter.share(), began, time.monotonic() - started, lang)
            if bar:
                bar.update(task, completed=meter.share() or 0, note=note)
            elif time.monotonic() - said > _LOG_EVERY:
                said = time.monotonic()
                print(note, file=sys.stderr, flush=True)


def describe(rows: int, share: float | None, began: float | None, spent: float, lang: str) -> str:
    """What people read of a run: rows done, the share, the time left where it can be told.

    Args:
        rows: Rows done.
        share: Of the input that is done.
        began: The share that was done when this run began, which took it no time.
        spent: Seconds since then.
        lang: ``zh`` or ``en``.
    """
    words = _WORDS[lang]
    parts = [f"{rows:,} {words[1]}"]
    if share is not None:
        parts.append(f"{share:.0%}")
        if began is not None and share > began:
            left = _duration(spent * (1 - share) / (share - began))
            parts.append(" ".join([words[2], left, *words[3:]]))
    return " · ".join(parts)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
