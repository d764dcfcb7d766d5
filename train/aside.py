"""Folders written aside and renamed when they are whole: what is there is complete, and the old one stays so long."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mentalglm.errors import UserError

_DISK_FAULTS = (
    "no space left",
    "file too large",
    "quota exceeded",
    "read-only file system",
    "input/output error",
    "inline_container",  # PyTorch's writer, which only says where in its own code
)


@contextmanager
def written_aside(folder: Path, needs: int = 0) -> Iterator[Path]:
    """Gives a fresh folder to write into, which takes the place of ``folder`` at the end.

    ::

        model            model            model.old  -         model.old        -
        -                model.partial    model.partial        model            model
        before           written, synced  old one away         new one in place old one deleted

    A process killed between the third and the fourth leaves ``model.old``, which the next save puts back first.

    Args:
        folder: The final place.
        needs: Bytes that will be written, as far as known.

    Raises:
        UserError: The disk is full, or cannot be written to. ``folder`` is as it was.
    """
    aside, away = folder.with_name(folder.name + ".partial"), folder.with_name(folder.name + ".old")
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        _put_back(folder, away)
        if needs > shutil.disk_usage(aside).free:
            raise OSError("the disk is too full")
        yield aside
        sync(aside)
        if folder.exists():
            folder.rename(away)
        aside.rename(folder)
        _sync_entry(folder.parent)
        shutil.rmtree(away, ignore_errors=True)
    except Exception as error:
        if not is_disk_fault(error):
            raise
        raise _not_written(folder, needs, error) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def check_writable(folder: Path) -> None:
    """Whether ``folder`` can be made and written to, better said before hours of work than after; nothing is made.

    Raises:
        UserError: It cannot.
    """
    there = next(path for path in (folder, *folder.parents) if path.exists())
    fault = "is no folder" if not there.is_dir() else "" if os.access(there, os.W_OK) else "may not be written to"
    if fault:
        raise UserError(f"output_dir: {folder} cannot be made: {there} {fault}; name another folder")


def is_disk_fault(error: Exception) -> bool:
    """Whether it says that the disk is full or refuses: each library wraps the system's words in a class of its own."""
    return isinstance(error, OSError) or any(words in str(error).lower() for words in _DISK_FAULTS)


def sync(folder: Path) -> None:
    """Returns when every file in ``folder`` is on the disk, not only on its way there."""
    for path in folder.rglob("*"):
        _sync_entry(path)
    _sync_entry(folder)


def _put_back(folder: Path, away: Path) -> None:
    if away.exists() and not folder.exists():
        away.rename(folder)
    shutil.rmtree(away, ignore_errors=True)


def _not_written(folder: Path, needs: int, error: Exception) -> UserError:
    reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
    wanted = f"; {needs / 1e9:.2f} GB are needed, {_free(folder) / 1e9:.2f} GB free" if needs else ""
    return UserError(
        f"{folder} cannot be written: {reason}{wanted}; make room and give the same command again: "
        "the last checkpoint and what stood there before are untouched",
        "disk",
    )


def _free(folder: Path) -> int:
    """Bytes free where ``folder`` is to stand; 0 where that cannot be said."""
    there = next((path for path in folder.parents if path.is_dir()), None)
    return shutil.disk_usage(there).free if there else 0


def _sync_entry(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
