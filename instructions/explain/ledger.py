"""What has been asked and answered, one line each, on disk before anything goes on: a killed run asks nothing twice."""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from mentalglm.errors import UserError

Entry = dict[str, Any]


def key_of(*parts: Any) -> str:
    """The name of a question or a verdict: equal exactly when everything it depends on is equal."""
    return hashlib.sha256(
        json.dumps(parts, ensure_ascii=False, sort_keys=True).encode(errors="surrogatepass")
    ).hexdigest()


class Ledger:
    """An append-only JSONL file of entries, each under its key; use it in a ``with`` block.

    Raises:
        UserError: Another run holds the file, or a line that is not its last cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._entries: dict[str, Entry] = {}
        self._file: IO[bytes]

    def __enter__(self) -> "Ledger":
        try:
            self._file = self.path.open("a+b")
        except OSError as error:
            raise UserError(f"{self.path}: cannot be written ({error.strerror})") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise UserError(f"{self.path}: another run is writing it; wait for it, or give another --out") from None
        self._read()
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def get(self, key: str) -> Entry | None:
        """The entry of this key, or None where it has not happened yet."""
        return self._entries.get(key)

    def add(self, key: str, entry: Entry) -> Entry:
        """Keeps an entry; when this returns, it is on disk."""
        line = json.dumps({"key": key, **entry}, ensure_ascii=False)
        self._file.write(line.encode(errors="surrogatepass") + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._entries[key] = entry
        return entry

    def entries(self) -> Iterator[Entry]:
        """All entries, in the order in which they happened."""
        return iter(self._entries.values())

    def _read(self) -> None:
        self._file.seek(0)
        sound = 0
        for number, line in enumerate(self._file, 1):
            if not line.endswith(b"\n"):
                break  # the line that was being written when the run was killed
            try:
                entry = json.loads(line.decode(errors="surrogatepass"))
                self._entries[entry.pop("key")] = entry
            except (ValueError, KeyError, AttributeError, TypeError):
                self._file.close()
                raise UserError(f"{self.path}: line {number} cannot be read; remove the line or the file") from None
            sound += len(line)
        self._file.truncate(sound)
