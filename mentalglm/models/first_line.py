"""A library's error as the one line that a user's message has room for."""


def first_line(error: Exception) -> str:
    """The first line of what ``error`` says, with its type where the words alone may mean nothing."""
    line = next(iter(str(error).strip().splitlines()), "")
    return line if isinstance(error, (OSError, ValueError)) and line else f"{type(error).__name__}: {line}"
