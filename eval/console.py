"""Where words go: results to stdout, what people should know beside them to stderr."""

import sys

from rich.console import Console

notices = Console(stderr=True, highlight=False, markup=False)


def tell(line: str) -> None:
    """Says a line on stderr."""
    notices.print(line, soft_wrap=True)


def results() -> Console:
    """The console that tables are printed on; as wide as the terminal, or wide enough for a file."""
    return Console(width=None if sys.stdout.isatty() else 160, highlight=False)
