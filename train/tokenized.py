"""The training data as token ids: encoded once, kept beside the data, mapped into memory by every rank."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mentalglm.errors import UserError
from train.config import TrainConfig
from train.data import Example, split_file, tasks_in
from train.encode import encode_file
from train.token_cache import cache_aside, cache_key, open_arrays

CACHE = ".tokenized"


@dataclass(frozen=True)
class TokenizedData:
    """The encoded examples of one split.

    Attributes:
        ids: Token ids of all examples, one after the other; int32.
        scored: Beside ``ids``; true where a token is a target of the loss.
        offsets: Where each example begins in ``ids``, and at last where the last one ends; length examples + 1.
        scored_tokens: Of each example, how many of its tokens are predicted and scored: the first one never is.
        weights: Of each example, the factor of its loss.
        row_ids: Of each example, the id of its row.
        row_tasks: Of each example, its task.
        truncated: Rows whose post was cut to fit.
        left_out: Rows that could not be made to fit.
    """

    ids: np.ndarray
    scored: np.ndarray
    offsets: np.ndarray
    scored_tokens: np.ndarray
    weights: np.ndarray
    row_ids: list[str]
    row_tasks: list[str]
    truncated: int = 0
    left_out: int = 0

    def __len__(self) -> int:
        """Examples."""
        return len(self.weights)

    def __getitem__(self, number: int) -> Example:
        """The example ``number``, counted from 0."""
        piece = slice(int(self.offsets[number]), int(self.offsets[number + 1]))
        return Example(self.ids[piece], self.scored[piece], float(self.weights[number]))

    def __iter__(self) -> Iterator[Example]:
        """The examples, in order."""
        return (self[number] for number in range(len(self)))

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of each example; int64."""
        lengths: np.ndarray = np.diff(self.offsets)
        return lengths

    @cached_property
    def scored_weights(self) -> np.ndarray:
        """Of each example, what its scored tokens weigh together; float64."""
        weights: np.ndarray = self.weights.astype(np.float64) * self.scored_tokens
        return weights

    @cached_property
    def tasks(self) -> list[str]:
        """The tasks of the examples, sorted."""
        return sorted(set(self.row_tasks))


def tokenize_on_one_rank(
    config: TrainConfig, tokenizer: Any, split: str, max_tokens: int | None = None
) -> TokenizedData | None:
    """:func:`tokenize_split` where several ranks run: the first of each machine encodes, the others wait and map it."""
    import torch.distributed as dist

    if not (dist.is_available() and dist.is_initialized()):
        return tokenize_split(config, tokenizer, split, max_tokens)
    data = None
    try:
        if os.environ.get("LOCAL_RANK", "0") == "0":
            data = tokenize_split(config, tokenizer, split, max_tokens)
    finally:
        dist.barrier()  # reached after a failure, too: the others then meet the same one themselves
    return data if data is not None else tokenize_split(config, tokenizer, split, max_tokens)


def tokenize_split(
    config: TrainConfig, tokenizer: Any, split: str, max_tokens: int | None = None
) -> TokenizedData | None:
    """The encoded examples of one split of ``config.data``, from the cache beside the data or made anew.

    With ``loss_on=all`` a conversation longer than ``max_seq_length`` is cut into pieces. Otherwise ``overlong`` says
    what becomes of it; ``class_weights`` are those of the training split.

    Args:
        config: The settings.
        tokenizer: The model's.
        split: ``train``, ``validation`` or ``test``.
        max_tokens: Stop when this many tokens are reached.

    Returns:
        The examples; None where the folder has no such split, or one to measure on without a row of the tasks wanted.

    Raises:
        UserError: The folder or a row in it is unfit, or no example is left.
    """
    path = _rows_wanted(config, split)
    if path is None:
        return None
    key = cache_key(config, tokenizer, path, max_tokens)
    places = [folder / CACHE / key for folder in (config.data, config.output_dir)]
    for place in places:
        found = open_tokenized(place)
        if found is not None:
            return found
    for place in places:
        try:
            with cache_aside(place) as aside:
                encode_file(config, tokenizer, path, max_tokens, aside)
            break
        except OSError as error:  # read-only data, or a full disk
            problem = error
    else:
        raise UserError(
            f"{places[-1].parent}: encoded data cannot be written ({problem.strerror}); "
            "make room, or choose another output_dir"
        )
    made = open_tokenized(place)
    if made is None:
        raise UserError(f"{place}: what was just written reads back damaged; check the disk")
    return made


def check_measurable(config: TrainConfig) -> None:
    """Refuses to choose a model by measurements that nothing can be measured on.

    Raises:
        UserError: ``eval_steps`` is set, and there is no validation split, or none with rows of the tasks wanted.
    """
    if config.eval_steps is not None and _rows_wanted(config, "validation") is None:
        of_tasks = f" with rows of {', '.join(config.tasks)}" if config.tasks else ""
        raise UserError(
            f"eval_steps={config.eval_steps}: {config.data} has no validation.parquet{of_tasks}; build one, or leave "
            "eval_steps and early_stopping_patience out"
        )


def _rows_wanted(config: TrainConfig, split: str) -> Path | None:
    path = split_file(config.data, split)
    if path is None or (split != "train" and config.tasks and not {*config.tasks} & {*tasks_in(path)}):
        return None
    return path


def open_tokenized(folder: Path) -> TokenizedData | None:
    """The encoded data in a cache folder; None where there is none, or it is damaged."""
    opened = open_arrays(folder)
    if opened is None:
        return None
    arrays, note = opened
    kept: dict[str, Any] = {name: note[name] for name in ("row_ids", "row_tasks", "truncated", "left_out")}
    return TokenizedData(**arrays, **kept)
