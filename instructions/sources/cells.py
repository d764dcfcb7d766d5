"""What people write into cells: blanks, numbers that are names, lists, ticks."""

import ast
import json
import math
import re
from typing import Any

BETWEEN_LABELS = re.compile(r"[、;；|，,\n]")
NO_LABELS = frozenset({"无", "没有", "none", "[]"})
# The letter x is a tick; × and ✗ mean "no" in Chinese tables.
_TICKED = frozenset(["1", "1.0", "true", "yes", "y", "x", "v", "是", "有", "对", "✓", "✔", "√", "☑", "✅", "●", "■"])
_EMPTY = frozenset(
    ["0", "0.0", "false", "no", "n", "否", "无", "没有", "错", "×", "✗", "✘", "☐", "❌", "○", "□", "-", "–", "—", "/"]
)


def is_blank(value: Any) -> bool:
    """Whether a cell holds nothing."""
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or (isinstance(value, str) and not value.strip())


def word_of(value: Any) -> str:
    """A cell as it is written in a mapping: ``6`` for 6, ``"6 "`` and 6.0; nothing for a blank."""
    if is_blank(value):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def words_of(value: Any) -> str | list[str]:
    """A cell as a word or, where it holds a list or the text of one (``["a", "b"]``), as words."""
    if isinstance(value, str) and value.strip().startswith("[") and value.strip().endswith("]"):
        value = _listed(value.strip())
    return [word for item in value if (word := word_of(item))] if isinstance(value, list | tuple) else word_of(value)


def tick_of(value: Any) -> bool | None:
    """Whether a cell holds a tick; None where it is blank.

    Raises:
        ValueError: It holds something else than yes or no.
    """
    word = word_of(value).lower()
    if word and word not in _TICKED and word not in _EMPTY:
        raise ValueError("a tick that is neither yes nor no")
    return word in _TICKED if word else None


def plain(value: Any) -> Any:
    """A cell as JSON can hold it."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _listed(text: str) -> Any:
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return text
