"""The key of a rating sheet: which number is which run's explanation. It holds no post and no explanation."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from mentalglm.errors import UserError


def fingerprint(words: str) -> str:
    """A hash of words that outlives a spreadsheet program, which may change line ends and blanks."""
    return hashlib.sha256("".join(words.replace("_x000D_", "").split()).encode()).hexdigest()[:16]


def read_key(path: Path) -> dict[str, Any]:
    """Reads a key.

    Raises:
        UserError: The file cannot be read, or is no key.
    """
    try:
        key: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if key["review"] and all(
            {"no", "source", "task", "id", "group", "explanation"} <= set(row) for row in key["rows"]
        ):
            return key
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); name the key with --key", "missing_file") from None
    except (ValueError, KeyError, TypeError):
        pass
    raise UserError(f"{path}: not the key that python -m eval sheet wrote; name it with --key")


def write_private(path: Path, content: bytes) -> None:
    """Writes a new file that its owner alone may read; nothing is overwritten.

    Raises:
        UserError: The file is there, or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    except FileExistsError:
        raise UserError(f"{path} exists, and may hold ratings; name another file with --out") from None
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}); name another file with --out") from None
