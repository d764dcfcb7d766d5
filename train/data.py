"""From an instruction folder to rows, and from encoded examples to the arrays of one micro-step."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mentalglm.errors import UserError
from mentalglm.tasks import TASKS, add_tasks

_BATCH = 1024  # rows held at once while a file is read


@dataclass(frozen=True)
class Example:
    """One encoded conversation.

    Attributes:
        ids: Token ids, length L.
        scored: Length L; true where the token is a target of the loss.
        weight: Factor of its loss.
    """

    ids: np.ndarray
    scored: np.ndarray
    weight: float = 1.0


def read_instructions(folder: Path, split: str, tasks: list[str] | None = None) -> list[dict[str, Any]]:
    """The rows of one split of an instruction folder; an absent split has none. Its own tasks become known.

    Args:
        folder: The instruction folder.
        split: ``train``, ``validation`` or ``test``.
        tasks: The tasks whose rows are wanted; None for all.

    Raises:
        UserError: The folder is not an instruction folder, a task in it is broken or named as another one, or a wanted
            task has no row.
    """
    path = split_file(folder, split)
    return [] if path is None else [row for rows in read_batches(path, tasks) for row in rows]


def split_file(folder: Path, split: str) -> Path | None:
    """The file of one split of an instruction folder, None if it has none. The folder's own tasks become known.

    Raises:
        UserError: The folder is not an instruction folder, or a task in it is broken or named as another one.
    """
    if not (folder / "train.parquet").is_file():
        advice = "build it first: python -m instructions build"
        raise UserError(f"{folder} holds no train.parquet; {advice}", "missing_file")
    add_tasks(folder / TASKS)
    if (folder / ".unfinished").exists():
        raise UserError(f"{folder}: its build was interrupted; build it again", "missing_file")
    path = folder / f"{split}.parquet"
    return path if path.is_file() else None


def read_batches(path: Path, tasks: list[str] | None = None) -> Iterator[list[dict[str, Any]]]:
    """The rows of a split's file, some at a time: a corpus of any size takes the memory of one batch.

    Raises:
        UserError: A wanted task has no row, or the file cannot be read.
    """
    import pyarrow.parquet

    if tasks is not None:
        there = tasks_in(path)
        absent = [name for name in tasks if name not in there]
        if absent:
            raise UserError(f"task={absent[0]}: {path} holds no row of it; it has {', '.join(there)}")
    with _readable(path):
        for batch in pyarrow.parquet.ParquetFile(path).iter_batches(_BATCH):
            yield [row for row in batch.to_pylist() if tasks is None or row["task"] in tasks]


def tasks_in(path: Path) -> list[str]:
    """The tasks that the rows of a split's file belong to, sorted."""
    import pyarrow.compute
    import pyarrow.parquet

    with _readable(path):
        column = pyarrow.parquet.read_table(path, columns=["task"])["task"]
    return sorted(pyarrow.compute.unique(column).to_pylist())


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{path}: cannot be read ({str(error).splitlines()[0]}); build it again") from None


def pad_id(tokenizer: Any) -> int:
    """What fills packs up. Where a tokenizer has no such token (Llama's), any does: it is neither scored nor seen."""
    return 0 if tokenizer.pad_token_id is None else int(tokenizer.pad_token_id)


def collate(packs: list[list[tuple[int, list[Example]]]], pad: int) -> dict[str, np.ndarray]:
    """Lays packs side by side. A pack is a list of runs: how many tokens the examples of a run share, and the examples.

    ::

        input_ids     a a a a b b b c c pad      targets  . a a a . b b . c .
        position_ids  0 1 2 3 0 1 2 0 1 0        (a target is predicted by the token before it; "." is not scored)

    Restarting positions tell the attention where an example ends: none sees another. Where examples share a beginning,
    it stands once and each goes on from there, which positions alone can't tell; then there is a mask, too::

        input_ids     p p p a a b b b c c        runs: (3, [pppaa, pppbbb]), (0, [cc])
        position_ids  0 1 2 3 4 3 4 5 0 1

    Returns:
        ``input_ids``, ``position_ids``, ``targets`` (-100 where not scored) and ``weights``, each of shape (B, longest
        pack). ``targets[:, t]`` is the token that position ``t`` has to predict. With shared beginnings also
        ``attention_mask``, of shape (B, 1, longest pack, longest pack), true where the row's token sees the column's.
    """
    lengths = [sum(prefix + sum(len(one.ids) - prefix for one in run) for prefix, run in pack) for pack in packs]
    shape = (len(packs), max(lengths))
    input_ids, position_ids = np.full(shape, pad), np.zeros(shape, dtype=np.int64)
    targets, weights = np.full(shape, -100), np.zeros(shape, dtype=np.float32)
    runs, branches = np.full(shape, -1), np.zeros(shape, dtype=np.int64)
    for row, pack in enumerate(packs):
        start = 0
        for number, (prefix, run) in enumerate(pack):
            runs[row, start : start + prefix] = number
            input_ids[row, start : start + prefix] = run[0].ids[:prefix]
            position_ids[row, start : start + prefix] = np.arange(prefix)
            start += prefix
            for branch, example in enumerate(run, 1):
                end = start + len(example.ids) - prefix
                input_ids[row, start:end] = example.ids[prefix:]
                position_ids[row, start:end] = np.arange(prefix, len(example.ids))
                targets[row, start : end - 1] = np.where(example.scored[prefix + 1 :], example.ids[prefix + 1 :], -100)
                weights[row, start : end - 1] = example.weight
                runs[row, start:end], branches[row, start:end] = number, branch
                start = end
        position_ids[row, start:] = np.arange(shape[1] - start)
    batch = {"input_ids": input_ids, "position_ids": position_ids, "targets": targets, "weights": weights}
    if any(prefix for pack in packs for prefix, _ in pack):
        batch["attention_mask"] = _sees(runs, branches)
    return batch


def _sees(runs: np.ndarray, branches: np.ndarray) -> np.ndarray:
    """Which token sees which: those before it in its own example, the shared beginning included."""
    same_run = runs[:, :, None] == runs[:, None, :]
    same_example = (branches[:, None, :] == 0) | (branches[:, :, None] == branches[:, None, :])
    before = np.tri(runs.shape[1], dtype=bool)
    seen: np.ndarray = (same_run & same_example & before)[:, None]
    return seen
