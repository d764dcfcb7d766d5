"""What suites there are: ``python -m eval ls``."""

import sys

from rich.console import Console
from rich.table import Table

from eval.suite import load_suite, suite_names


def print_suites() -> None:
    """Prints every suite with its tasks, on a line each."""
    table = Table(box=None, pad_edge=False)
    for head in ("suite", "task", "posts", "split"):
        table.add_column(head, no_wrap=True)
    table.add_column("scores")
    for name in suite_names():
        suite = load_suite(name)
        table.add_row(f"[bold]{name}[/] {suite.version}", suite.title.zh, suite.title.en)
        for entry in suite.tasks:
            table.add_row("", entry.task, entry.source, " or ".join(entry.split), " ".join(entry.metrics))
        table.add_row()
    Console(width=None if sys.stdout.isatty() else 170).print(table)
