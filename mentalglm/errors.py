"""The one exception a user's mistake becomes: a line that says what was wrong, the value seen and what to do."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class UserError(Exception):
    """A mistake of the user's, shown as one line without a traceback; commands exit 2 on it.

    Args:
        message: What was wrong, the value seen, and the next step.
        code: A short machine-readable name, used in row errors.
    """

    def __init__(self, message: str, code: str = "bad_request") -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def exit_on_user_error() -> Iterator[None]:
    """Around a command: turns a user's mistake into one line on stderr and exit code 2."""
    try:
        yield
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
