"""Writes log.jsonl: one JSON object a line, each line whole or marked off, whatever kills the run."""

import json
import math
from pathlib import Path
from typing import Any

from mentalglm.errors import UserError

LOG = "log.jsonl"


def begin_log(path: Path, first_step: int) -> None:
    """Makes the log ready to be written on: a new run puts an old one aside, a line cut short by a kill is ended."""
    if not path.exists():
        return
    if first_step == 0:
        path.replace(path.with_suffix(".old.jsonl"))
    elif not path.read_bytes().endswith(b"\n"):
        with path.open("a", encoding="utf-8") as file:
            file.write("\n")


def append_line(path: Path, line: dict[str, Any]) -> None:
    """Writes one line, and through to the file.

    Raises:
        UserError: The disk is full, or cannot be written to.
    """
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(_finite(line), allow_nan=False) + "\n")
    except OSError as error:
        raise UserError(
            f"{path} cannot be written: {error.strerror}; make room and give the same command again"
        ) from None


def _finite(line: dict[str, Any]) -> dict[str, Any]:
    """The line with null for NaN and infinity, which JSON has no words for."""
    told = {key: _finite(value) if isinstance(value, dict) else value for key, value in line.items()}
    return {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in told.items()}
