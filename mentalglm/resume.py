"""A long run's output: kept beside its name while it grows, whole or not there under it, and taken up after a kill.

``OUT.partial`` is only ever appended to. ``OUT.resume`` says how far it is whole: its first line holds the run's
settings, each later one a :class:`Done`, written after the bytes it speaks of were synced to the disk. A run that
starts over them cuts the partial file to the last such point and goes on behind it, so that no row is lost or doubled
wherever the other was killed. The posts that were done are hashed along and compared, so that a run never goes on over
other posts.
"""

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from io import StringIO
from pathlib import Path
from typing import IO, Any

from mentalglm.analysis import Analysis, RowError, gravest
from mentalglm.errors import UserError
from mentalglm.file_lock import hold
from mentalglm.readers import BadRow, Row
from mentalglm.tasks import Crisis

_EVERY = 1.0  # seconds between two points to go on from
_Finish = Callable[[Path, Path], None]


@dataclass(frozen=True)
class Done:
    """A point to go on from.

    Attributes:
        rows: Input rows that are done.
        bytes: How long the partial file is with them.
        posts: Hash over what was read of them.
        erred: Whether one of them erred.
        crisis: The gravest crisis value among them.
    """

    rows: int = 0
    bytes: int = 0
    posts: str = ""
    erred: bool = False
    crisis: Crisis = "none"


class Tally:
    """What is known of the rows done so far."""

    def __init__(self, done: Done | None = None) -> None:
        self.rows, self.erred, self.crisis = 0, False, Done().crisis
        self._hash = hashlib.blake2b(digest_size=16)
        if done is not None:
            self.erred, self.crisis = done.erred, done.crisis

    def add_input(self, row: Row | BadRow) -> None:
        """Counts a row of the input."""
        self.rows += 1
        text = row.text if isinstance(row, Row) else row.code
        self._hash.update(text.encode("utf-8", "surrogatepass") + b"\xff")  # a byte that no text holds

    def add_results(self, results: Iterable[Analysis | RowError]) -> None:
        """Takes note of what a row's results mean for the run."""
        for result in results:
            if isinstance(result, RowError):
                self.erred = True
            elif result.crisis not in (None, "none"):
                self.crisis = gravest([self.crisis, result.crisis or "none"])

    def done(self) -> Done:
        """The point to go on from, its bytes still to be filled in."""
        return Done(self.rows, 0, self._hash.hexdigest(), self.erred, self.crisis)


class Screen:
    """Standard output, from which no run can go on."""

    done = Done()

    def __init__(self) -> None:
        stream: Any = sys.stdout
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", newline="\n")
        self.file: IO[str] = stream

    def __enter__(self) -> "Screen":
        return self

    def __exit__(self, *error: object) -> None:
        self.file.flush()

    def save(self, tally: Tally) -> None:
        """Shows what was written."""
        self.file.flush()


class PartialFile:
    """A file that is whole or not there under its name, and that a later run can finish.

    Attributes:
        file: Where to write; it goes to the disk with :meth:`save`.
        done: What an earlier run had finished.
    """

    def __init__(self, out: Path, settings: dict[str, Any], finish: _Finish | None = None) -> None:
        """Opens the file, and takes up an unfinished run if there is one.

        Args:
            out: The file to be.
            settings: Everything the output depends on besides the posts; a run goes on only under the same.
            finish: Makes a finished partial file (the first path) into ``out``'s kind (at the second); by default it is
                of that kind.

        Raises:
            UserError: It cannot be written, another run is writing it, or one with other settings left it unfinished.
        """
        self.out, self._finish = out, finish
        self.partial, self.resume = (out.with_name(out.name + ending) for ending in (".partial", ".resume"))
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        try:
            self._bytes = os.fdopen(os.open(self.partial, flags, 0o666), "r+b")
            hold(self._bytes, f"--out {out}: another run is writing it; wait for it, or name another file")
            self._points = self.resume.open("a+b")
        except OSError as error:
            raise UserError(f"--out {out}: cannot be written ({error.strerror}); check the folder") from None
        self.done = self._last = self._kept = self._take_up(settings)
        with self._told():
            self._bytes.truncate(self.done.bytes)
            self._bytes.seek(self.done.bytes)
        self.file = StringIO()  # what was not saved yet: only whole pieces go to the disk
        self._synced = time.monotonic()

    def _take_up(self, settings: dict[str, Any]) -> Done:
        """The last point up to which both files are whole; the resume file is cut behind it."""
        size = os.fstat(self._bytes.fileno()).st_size
        now = (json.dumps(settings, ensure_ascii=False, sort_keys=True) + "\n").encode("utf-8", "replace")
        self._points.seek(0)
        before = self._points.readline()
        found, whole = Done(), len(before)
        for line in self._points:
            point = _point(line)
            if point is None or point.bytes > size:
                break
            found, whole = point, whole + len(line)
        if found.rows == 0:
            self._points.truncate(0)
            self._points.write(now)
            self._points.flush()
            return Done()
        if before != now:
            old, new = json.loads(before), json.loads(now)
            differs = ", ".join(key for key in new | old if new.get(key) != old.get(key))
            raise UserError(
                f"--out {self.out}: beside it lies an unfinished run with another {differs}; "
                f"delete {self.partial.name} and {self.resume.name}, or name another file"
            )
        self._points.truncate(whole)
        return found

    def __enter__(self) -> "PartialFile":
        return self

    def save(self, tally: Tally) -> None:
        """Writes what is in ``file``, and marks a point to go on from: it is exactly what ``tally`` counted."""
        with self._told():
            self._bytes.write(self.file.getvalue().encode())
            self._bytes.flush()
            self.file.seek(0)
            self.file.truncate()
            self._last = replace(tally.done(), bytes=self._bytes.tell())
            if time.monotonic() - self._synced >= _EVERY:
                self._sync()

    def _sync(self) -> None:
        os.fsync(self._bytes.fileno())
        self._points.write((json.dumps(asdict(self._last)) + "\n").encode())
        self._points.flush()
        os.fsync(self._points.fileno())
        self._kept, self._synced = self._last, time.monotonic()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            what = f"--out {self.out}: cannot be written ({error.strerror or error})"
            raise UserError(f"{what}; mend that, and the same command goes on") from None

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is None:
            with self._told():
                self._complete()
            return
        with suppress(OSError):  # the disk may be full
            if self._last != self._kept:
                self._sync()
        for file in (self._bytes, self._points):
            with suppress(OSError):
                file.close()
        if self._last.rows == 0:
            self.partial.unlink()
            self.resume.unlink()
        elif self._last != self.done:
            what = f"not finished; what was done so far, {self._last.rows} rows, is in {self.partial}"
            print(f"{what}; the same command goes on from there", file=sys.stderr)

    def _complete(self) -> None:
        os.fsync(self._bytes.fileno())
        self._bytes.close()
        self._points.close()
        if self._finish is None:
            self.partial.replace(self.out)
        else:
            made = self.out.with_name(self.out.name + ".new")
            try:
                self._finish(self.partial, made)
                made.replace(self.out)
            except BaseException:
                made.unlink(missing_ok=True)
                raise
            self.partial.unlink()
        self.resume.unlink()


def _point(line: bytes) -> Done | None:
    """A line of the resume file; None if it was cut off while being written."""
    try:
        return Done(**json.loads(line)) if line.endswith(b"\n") else None
    except (ValueError, TypeError):
        return None
