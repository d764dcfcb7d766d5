"""Encodes the rows of a split into the arrays of a folder, a batch at a time."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mentalglm.errors import UserError
from mentalglm.prompt import encode_example, encode_examples
from train.class_weights import balanced_weights
from train.config import TrainConfig
from train.data import read_batches, tasks_in
from train.progress import say
from train.token_cache import ArrayWriter
from train.truncate import truncate_row


@dataclass
class _Note:
    """What stands beside the arrays: of each example its row and task, and what happened to long rows."""

    row_ids: list[str] = field(default_factory=list)
    row_tasks: list[str] = field(default_factory=list)
    truncated: int = 0
    left_out: int = 0


def encode_file(config: TrainConfig, tokenizer: Any, path: Path, max_tokens: int | None, folder: Path) -> None:
    """Encodes the rows of ``path`` that ``config`` asks for into ``folder``.

    Raises:
        UserError: A row has no scored token, the chat template refuses one, or no row fits.
    """
    note, end, longest = _Note(), 0, config.max_seq_length
    with ArrayWriter(folder) as writer, _progress(path) as tell:
        writer.append("offsets", [0])
        for row, ids, scored in _fitting_rows(config, tokenizer, path, note, tell):
            for start in range(0, len(ids), longest):
                piece = slice(start, start + longest)
                end += len(ids[piece])
                writer.append("ids", ids[piece])
                writer.append("scored", scored[piece])
                writer.append("offsets", [end])
                writer.append("scored_tokens", [sum(scored[piece][1:])])
                writer.append("weights", [row["weight"]])
                note.row_ids.append(row["id"])
                note.row_tasks.append(row["task"])
            if max_tokens is not None and end >= max_tokens:
                break
        if not end:
            raise UserError(f"{path}: no row fits into max_seq_length={longest}; raise it")
        writer.finish(asdict(note))


def _fitting_rows(
    config: TrainConfig, tokenizer: Any, path: Path, note: _Note, tell: Callable[[int], None]
) -> Iterator[tuple[dict[str, Any], list[int], list[bool]]]:
    """The rows that stay, encoded; those too long for an example with an answer are cut or left out, and counted."""
    from jinja2 import TemplateError

    for rows in _weighted_batches(config, path):
        try:
            encoded = encode_examples(tokenizer, [row["messages"] for row in rows])
        except (ValueError, TemplateError) as error:  # some templates know no system messages
            raise UserError(f"{path}: the model's chat template refuses a row: {error}; change its roles") from None
        for row, (ids, scored) in zip(rows, encoded, strict=True):
            if config.loss_on == "all":
                yield row, ids, [True] * len(ids)
                continue
            if not any(scored):
                raise UserError(f"row {row['id']} has no scored token; it needs an assistant message, or loss_on=all")
            if len(ids) <= config.max_seq_length:
                yield row, ids, scored
                continue
            cut = truncate_row(tokenizer, row, config.max_seq_length) if config.overlong == "truncate" else None
            if cut is None:
                note.left_out += 1
            else:
                note.truncated += 1
                yield row, *encode_example(tokenizer, cut)
        tell(len(rows))


def _weighted_batches(config: TrainConfig, path: Path) -> Iterator[list[dict[str, Any]]]:
    """The rows wanted, with ``class_weights`` in their weights. Both are about training: what it is measured on is not
    weighed, and need not know every task."""
    if path.stem != "train":
        there = tasks_in(path)
        yield from read_batches(path, config.tasks and [name for name in config.tasks if name in there])
        return
    factors = None
    if config.class_weights == "balanced":
        factors = iter(balanced_weights(row for rows in read_batches(path, config.tasks) for row in rows))
    for rows in read_batches(path, config.tasks):
        yield rows if factors is None else [row | {"weight": row["weight"] * next(factors)} for row in rows]


@contextmanager
def _progress(path: Path) -> Iterator[Callable[[int], None]]:
    """Shows how far the encoding is: a bar on a terminal, one line at the end. Only the first rank speaks."""
    import pyarrow.parquet
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console, speaks = Console(stderr=True), os.environ.get("RANK", "0") == "0"
    columns = (TextColumn(f"encoding {path.stem}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    rows, started = 0, time.monotonic()
    with Progress(*columns, console=console, transient=True, disable=not (speaks and console.is_terminal)) as bar:
        task = bar.add_task("", total=pyarrow.parquet.read_metadata(path).num_rows)

        def tell(count: int) -> None:
            nonlocal rows
            rows += count
            bar.advance(task, count)

        yield tell
    if speaks:
        seconds = time.monotonic() - started
        say(f"encoded {rows:,} rows of {path.name} in {seconds:.1f} s ({rows / max(seconds, 1e-9):,.0f} rows/s)")
