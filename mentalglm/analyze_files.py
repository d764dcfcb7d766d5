"""``mentalglm analyze``: one post or a file of them in, text, JSON lines or CSV out."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

from mentalglm.analysis import Analysis, ErrorInfo, RowError, gravest
from mentalglm.analyzer import Analyzer, check_text
from mentalglm.errors import UserError
from mentalglm.hotlines import crisis_notice, disclaimer, load_hotlines
from mentalglm.models import add_tasks_of
from mentalglm.readers import BadRow, Row, read_rows
from mentalglm.tasks import Crisis, load_task
from mentalglm.writers import WRITERS

_CHUNK = 64


@dataclass(frozen=True)
class Request:
    """What the command line asked for."""

    text: str | None
    file: str | None
    column: str | None
    tasks: list[str]
    labels_only: bool
    format: str
    out: Path | None
    lang: Any


@dataclass(frozen=True)
class RowResult:
    """The results of one row, by task as asked; ``row`` is None for a single post."""

    row: int | None
    results: list[Analysis | RowError]


def run(request: Request, model: str | None, source: dict[str, Any]) -> int:
    """Does what ``request`` asks.

    Returns:
        0, or 1 if some row erred.

    Raises:
        UserError: The request itself was wrong.
    """
    if request.text is not None:
        check_text(request.text)
    load_hotlines()  # a site's own file is checked before the work, not at its end
    # Tasks are checked and the file is opened before the model is loaded: a slip should not cost a wait.
    add_tasks_of(None if model is None else Path(model))
    for name in request.tasks:
        if name != "all":
            load_task(name)
    rows = None if request.file is None else read_rows(request.file, request.column)
    analyzer = Analyzer.load(model, **source)
    tasks = analyzer.check_tasks(request.tasks)
    if rows is None:
        answers = analyzer.analyze([request.text or ""], tasks, labels_only=request.labels_only)
        results: Iterable[RowResult] = [RowResult(None, list(answers))]
    else:
        results = _with_progress(_analyze_rows(analyzer, rows, tasks, request.labels_only), request)
    erred = False
    crisis: Crisis = "none"
    with _opened(request) as file:
        writer = WRITERS[request.format](file, tasks, request.lang)
        for result in results:
            writer.write(result.row, result.results)
            for one in result.results:
                erred = erred or isinstance(one, RowError)
                if isinstance(one, Analysis) and one.crisis is not None:
                    crisis = gravest([crisis, one.crisis])
    notice = crisis_notice(crisis, request.lang)
    # Text is for the reader of the result; JSON and CSV go to programs, so what people must know goes to stderr.
    aside = sys.stdout if request.format == "text" and request.out is None else sys.stderr
    for line in filter(None, (notice, disclaimer(request.lang))):
        print(line, file=aside)
    return 1 if erred else 0


def _analyze_rows(
    analyzer: Analyzer, rows: Iterator[Row | BadRow], tasks: list[str], labels_only: bool
) -> Iterator[RowResult]:
    while chunk := list(islice(rows, _CHUNK)):
        refused = {row.row: why for row in chunk if (why := _problem(row)) is not None}
        good = [row for row in chunk if isinstance(row, Row) and row.row not in refused]
        answers = iter(analyzer.analyze([row.text for row in good], tasks, labels_only=labels_only) if good else [])
        for row in chunk:
            if row.row in refused:
                yield RowResult(row.row, [RowError(row=row.row, task=name, error=refused[row.row]) for name in tasks])
            else:
                yield RowResult(row.row, [next(answers) for _ in tasks])


def _problem(row: Row | BadRow) -> ErrorInfo | None:
    if isinstance(row, BadRow):
        return ErrorInfo(code=row.code, message=row.message)
    try:
        check_text(row.text)
    except UserError as error:
        return ErrorInfo(code=error.code, message=str(error))
    return None


def _with_progress(results: Iterator[RowResult], request: Request) -> Iterator[RowResult]:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if not console.is_terminal or request.file in (None, "-"):
        yield from results
        return
    total = sum(1 for _ in read_rows(request.file, request.column))
    with Progress(console=console, transient=True) as progress:
        yield from progress.track(results, total=total, description="分析 / analysing")


@contextmanager
def _opened(request: Request) -> Iterator[IO[str]]:
    """stdout, or the file asked for: written aside, synced and renamed, so that it is whole or not there.

    What an interrupted run had finished stays beside it, under a name that ends in ``.partial``.
    """
    if request.out is None:
        stream: Any = sys.stdout
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", newline="\n")
        yield stream
        stream.flush()
        return
    if request.out.is_dir():
        raise UserError(f"--out {request.out} is a folder; name a file in it")
    aside = request.out.with_name(request.out.name + ".partial")
    # Spreadsheet programs take CSV for the system's old encoding unless it begins with a byte-order mark.
    encoding = "utf-8-sig" if request.format == "csv" else "utf-8"
    try:
        file = aside.open("w", encoding=encoding, newline="\n")
    except OSError as error:
        raise UserError(f"--out {request.out}: cannot be written ({error.strerror}); check the folder") from None
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        if aside.stat().st_size == 0:
            aside.unlink()
        else:
            print(f"not finished; what was done so far is in {aside}", file=sys.stderr)
        raise
    aside.replace(request.out)
