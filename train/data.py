"""From an instruction folder to packs of token ids with a mask of what is scored."""

import random
from bisect import bisect_left, insort
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mentalglm.errors import UserError
from mentalglm.prompt import encode_example
from mentalglm.tasks import TASKS, add_tasks


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


def read_instructions(folder: Path, split: str) -> list[dict[str, Any]]:
    """The rows of one split of an instruction folder; an absent split has none. Its own tasks become known.

    Raises:
        UserError: The folder is not an instruction folder, or a task in it is broken or named as another one.
    """
    import pyarrow.parquet

    if not (folder / "train.parquet").is_file():
        advice = "build it first: python -m instructions build"
        raise UserError(f"{folder} holds no train.parquet; {advice}", "missing_file")
    add_tasks(folder / TASKS)
    if (folder / ".unfinished").exists():
        raise UserError(f"{folder}: its build was interrupted; build it again", "missing_file")
    path = folder / f"{split}.parquet"
    return list(pyarrow.parquet.read_table(path).to_pylist()) if path.is_file() else []


def encode_rows(
    rows: list[dict[str, Any]], tokenizer: Any, loss_on: str, max_seq_length: int, max_tokens: int | None = None
) -> tuple[list[Example], int]:
    """Encodes instruction rows.

    Args:
        rows: As :func:`read_instructions` returns them.
        tokenizer: The model's.
        loss_on: ``answer`` or ``all``. With ``all``, long conversations are cut into pieces; with ``answer`` a row
            longer than ``max_seq_length`` is left out, since a cut could take the label with it.
        max_seq_length: The longest example.
        max_tokens: Stop when this many tokens are reached.

    Returns:
        The examples, and the number of rows left out for their length.

    Raises:
        UserError: No example is left, or a row has no scored token.
    """
    examples: list[Example] = []
    left_out = total = 0
    for row in rows:
        ids, scored = encode_example(tokenizer, row["messages"])
        if loss_on == "all":
            scored = [True] * len(ids)
        elif len(ids) > max_seq_length:
            left_out += 1
            continue
        if not any(scored):
            raise UserError(f"row {row['id']} has no scored token; it needs an assistant message, or loss_on=all")
        for start in range(0, len(ids), max_seq_length):
            piece = slice(start, start + max_seq_length)
            examples.append(Example(np.array(ids[piece]), np.array(scored[piece]), row["weight"]))
        total += len(ids)
        if max_tokens is not None and total >= max_tokens:
            break
    if not examples:
        raise UserError(f"no row fits into max_seq_length={max_seq_length}; raise it")
    return examples, left_out


def pack(lengths: list[int], capacity: int, seed: int) -> list[list[int]]:
    """Best-fit decreasing over a shuffled order, in windows so that a pack mixes examples from everywhere.

    Returns:
        Packs of example indices, each at most ``capacity`` tokens long, in an order fixed by ``seed``.
    """
    rng = random.Random(seed)
    order = list(range(len(lengths)))
    rng.shuffle(order)
    packs: list[list[int]] = []
    for start in range(0, len(order), 2048):
        window = sorted(order[start : start + 2048], key=lambda i: -lengths[i])
        room: list[tuple[int, int]] = []  # (free tokens, pack), sorted
        for index in window:
            place = bisect_left(room, (lengths[index], -1))
            if place == len(room):
                packs.append([index])
                insort(room, (capacity - lengths[index], len(packs) - 1))
            else:
                free, number = room.pop(place)
                packs[number].append(index)
                insort(room, (free - lengths[index], number))
    rng.shuffle(packs)
    return packs


def collate(packs: list[list[Example]], pad: int) -> dict[str, np.ndarray]:
    """Lays packs side by side.

    ::

        input_ids     a a a a b b b c c pad      targets  . a a a . b b . c .
        position_ids  0 1 2 3 0 1 2 0 1 0        (a target is predicted by the token before it; "." is not scored)

    Restarting positions tell the attention where an example ends: none sees another.

    Returns:
        ``input_ids``, ``position_ids``, ``targets`` (-100 where not scored) and ``weights``, each of shape (B, longest
        pack). ``targets[:, t]`` is the token that position ``t`` has to predict.
    """
    longest = max(sum(len(example.ids) for example in row) for row in packs)
    shape = (len(packs), longest)
    input_ids, position_ids = np.full(shape, pad), np.zeros(shape, dtype=np.int64)
    targets, weights = np.full(shape, -100), np.zeros(shape, dtype=np.float32)
    for number, row in enumerate(packs):
        start = 0
        for example in row:
            end = start + len(example.ids)
            input_ids[number, start:end] = example.ids
            position_ids[number, start:end] = np.arange(end - start)
            targets[number, start : end - 1] = np.where(example.scored[1:], example.ids[1:], -100)
            weights[number, start : end - 1] = example.weight
            start = end
        position_ids[number, start:] = np.arange(longest - start)
    return {"input_ids": input_ids, "position_ids": position_ids, "targets": targets, "weights": weights}
