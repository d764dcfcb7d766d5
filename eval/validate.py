"""Checks suites and the files they name: every row is read, every label known, no post on both sides of a split."""

from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from eval.data import Data, load_entry
from eval.same_post import shared_posts
from eval.start import suite_data
from eval.suite import Suite, load_suite, suite_names

_HEADS = ("task", "file", "split", "posts", "training posts", "rows left out", "posts on both sides", "labels")


def validate_suites(name: str | None, data: Path | None) -> bool:
    """Prints what is there and what is wrong.

    Args:
        name: A suite; None for all that ship.
        data: Where its files lie; suites that say themselves where they lie need none.

    Returns:
        Whether every row could be read.

    Raises:
        UserError: A suite breaks the schema, or a file cannot be read or holds a label that its task does not know.
    """
    console = Console(width=170)
    sound = True
    for suite in [load_suite(each) for each in ([name] if name is not None else suite_names())]:
        console.print(f"[bold]{suite.name}[/] {suite.version} · {len(suite.tasks)} tasks · {suite.sha256[:12]}")
        if data is not None or suite.data is not None:
            sound &= _print_files(suite, suite_data(suite, None if name is None and suite.data else data), console)
        else:
            console.print("  sound; --data DIR also checks the files")
    return sound


def _print_files(suite: Suite, folder: Path, console: Console) -> bool:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in _HEADS:
        table.add_column(head, no_wrap=True)
    sound = True
    for entry in suite.tasks:
        found = load_entry(entry, folder, suite.settings_of(entry))
        if found is None:
            table.add_row(entry.task, f"{entry.source}: not there", style="dim")
            continue
        sound &= not found.bad
        table.add_row(entry.task, *_cells(found))
    console.print(table)
    return sound


def _cells(data: Data) -> tuple[str, ...]:
    seen = Counter(label for row in data.samples for label in row.labels)
    return (
        data.path.name,
        data.split or "–",
        str(len(data.samples)),
        str(len(data.train)),
        str(len(data.bad)),
        str(len(shared_posts(data.train, data.samples))),
        f"{len(seen)} of {len(data.task.labels)}",
    )
