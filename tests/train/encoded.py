"""What the tests of the data share: rows, an instruction folder that holds them, and the examples made of them."""

from pathlib import Path
from typing import Any

import numpy as np

from tests.tiny import tiny_tokenizer
from train.config import TrainConfig
from train.tokenized import TokenizedData, tokenize_split


def turn(role: str, content: str) -> dict[str, str]:
    """One message."""
    return {"role": role, "content": content}


def row(messages: list[dict[str, str]], weight: float = 1.0, task: str = "suicide_risk") -> dict[str, Any]:
    """One instruction row, called r."""
    return {"id": "r", "messages": messages, "task": task, "weight": weight}


def write_rows(folder: Path, rows: list[dict[str, Any]], split: str = "train") -> Path:
    """Writes ``rows`` as a split of an instruction folder; returns the folder."""
    import pyarrow
    import pyarrow.parquet

    folder.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), folder / f"{split}.parquet")
    return folder


def config_of(folder: Path, **settings: Any) -> TrainConfig:
    """The settings of a run on the data in ``folder``."""
    return TrainConfig(**{"output_dir": folder / "out", "model": "tiny", "data": folder, **settings})


def encoded(folder: Path, rows: list[dict[str, Any]], **settings: Any) -> TokenizedData:
    """The examples that the training split ``rows`` gives."""
    data = tokenize_split(config_of(write_rows(folder, rows), **settings), tiny_tokenizer(), "train")
    assert data is not None
    return data


def data_of(lengths: list[int], scored: int = 1, weight: float = 1.0) -> TokenizedData:
    """Examples of the lengths given, whose tokens are their own numbers and whose last ``scored`` ones count."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    mask = np.concatenate([np.arange(length) >= length - scored for length in lengths])
    counted = np.array([min(scored, length - 1) for length in lengths])
    weights = np.full(len(lengths), weight, dtype=np.float32)
    ids = np.arange(offsets[-1], dtype=np.int32)
    return TokenizedData(ids, mask, offsets, counted, weights, ["r"] * len(lengths), ["suicide_risk"] * len(lengths))
