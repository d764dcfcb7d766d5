"""A lock on an open file, that keeps a second process from writing what the first one writes."""

from typing import IO

from mentalglm.errors import UserError


def hold(file: IO[bytes], taken: str) -> None:
    """Holds off a second writer; the lock goes with the process, however it ends. Windows has no such lock.

    Args:
        file: Open; the lock is on it until it is closed.
        taken: What to say where another process holds it.

    Raises:
        UserError: Another process holds it.
    """
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(taken) from None
    except OSError:  # some network folders have no locks
        pass
