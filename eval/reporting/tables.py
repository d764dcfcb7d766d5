"""What the commands print: tables in both languages."""

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from eval.reporting.wording import metric_name
from mentalglm.tasks import Bilingual, load_task


def table(title: str, *columns: Bilingual) -> Table:
    """An empty table: a column of names, then columns of numbers."""
    made = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    made.add_column("")
    for column in columns:
        made.add_column(column.zh if column.zh == column.en else f"{column.zh}\n{column.en}", justify="right")
    return made


def show(console: Console, made: Table | None, *notes: Bilingual) -> None:
    """Prints a table, and under it what its reader must know."""
    if made is not None:
        console.print(made)
    for note in notes:
        console.print(f"  {note.zh}\n  {note.en}", soft_wrap=True)


def task_title(name: str) -> str:
    """``自杀风险 · Suicide risk``."""
    title = load_task(name).title
    return f"{title.zh} · {title.en} ({name})"


def measure_title(name: str) -> str:
    """A measure's key and what it is called in both languages."""
    words = metric_name(name)
    if words.zh == words.en:  # such as AUROC
        return name
    return f"{name}\n[dim]{words.zh} · {words.en}[/dim]"


def value(number: float | None, *, signed: bool = False) -> str:
    """Three digits, or a dash for what is undefined."""
    return "–" if number is None else f"{number:+.3f}" if signed else f"{number:.3f}"


def interval(score: dict[str, Any], *, signed: bool = False) -> str:
    """``[0.750, 0.871]``, or nothing."""
    if score["low"] is None or score["high"] is None:
        return ""
    return f"\\[{value(score['low'], signed=signed)}, {value(score['high'], signed=signed)}]"


def chance(p: float | None) -> str:
    """A p-value."""
    return "–" if p is None else "<.001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def plain(text: str) -> str:
    """Words that are not ours, in which nothing is markup."""
    return escape(text)
