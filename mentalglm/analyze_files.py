"""``mentalglm analyze``: one post or a file of them in; text, JSON lines, CSV or a workbook out."""

import hashlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import mentalglm
from mentalglm.analysis import Analysis, ErrorInfo, RowError
from mentalglm.analyzer import Analyzer, check_text
from mentalglm.errors import UserError
from mentalglm.hotlines import crisis_notice, disclaimer, load_hotlines
from mentalglm.models import add_tasks_of
from mentalglm.options import Options, check_options
from mentalglm.progress import Meter, with_progress
from mentalglm.readers import BadRow, Posts, Row, open_posts
from mentalglm.result_tables import Layout
from mentalglm.resume import Done, PartialFile, Screen, Tally
from mentalglm.tasks import load_task
from mentalglm.writers import WRITERS, sheet_to_workbook

FORMATS = tuple(WRITERS)
_FIRST_CHUNK, _LARGEST_CHUNK = 64, 1024  # rows
_MOST_CHARACTERS = 1_000_000  # of a chunk
_QUICK, _SLOW = 3.0, 10.0  # seconds for a chunk
# A run may be gone on with elsewhere: where it is answered changes no answer.
_NO_MATTER = ("device", "endpoints", "allow_external", "api_key_env", "concurrency", "timeout")

_Answers = Callable[[list[str]], Sequence[list[Analysis] | ErrorInfo]]


@dataclass(frozen=True)
class Request:
    """What the command line asked for."""

    text: str | None
    file: str | None
    column: str | None
    tasks: list[str]
    options: Options
    format: str
    out: Path | None
    lang: Any


@dataclass(frozen=True)
class RowResult:
    """A row of the input and its results, by task as asked."""

    input: Row | BadRow
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
    check_options(request.options)
    load_hotlines()  # a site's own file is checked before the work, not at its end
    # Tasks are checked and the files are opened before the model is loaded: a slip should not cost a wait.
    add_tasks_of(None if model is None else Path(model))
    for name in request.tasks:
        if name != "all":
            load_task(name)
    _check_out(request)
    if request.file is None:
        posts = Posts(iter([Row(0, request.text or "")]), (), None, Meter())
    else:
        posts = open_posts(request.file, request.column)
    remote = "endpoints" in source
    analyzer = Analyzer.connect(folder=model, **source) if remote else Analyzer.load(model, **source)
    tasks = analyzer.check_tasks(request.tasks)
    settings = {
        "model": analyzer.model_name,
        "weights": _state_of(Path(model)) if model is not None else mentalglm.__version__,
        "version": mentalglm.__version__,
        **{name: value for name, value in source.items() if name not in _NO_MATTER},
        **{"task": tasks, **request.options, "format": request.format, "lang": request.lang},
        **{"file": request.file is not None, "columns": posts.columns, "column": posts.column},
    }
    answers = partial(analyzer.analyze_each, task=tasks, **request.options)
    tally = write_results(answers, posts, tasks, request, settings)
    notice = crisis_notice(tally.crisis, request.lang)
    # Text is for the reader of the result; the rest goes to programs, so what people must know goes to stderr.
    aside = sys.stdout if request.format == "text" and request.out is None else sys.stderr
    for line in filter(None, (notice, disclaimer(request.lang))):
        print(line, file=aside)
    return 1 if tally.erred else 0


def write_results(
    answers: _Answers, posts: Posts, tasks: list[str], request: Request, settings: dict[str, Any]
) -> Tally:
    """Answers every post and writes what was found, going on where a killed run stopped.

    Args:
        answers: Gives, for some posts, each one's analyses by task, or why it has none.
        posts: The posts; a chunk of them is in memory at a time.
        tasks: The tasks that ``answers`` gives.
        request: What was asked for.
        settings: What a run must have had in common to be gone on with.
    """
    title = "结果" if request.lang == "zh" else "results"
    finish = partial(sheet_to_workbook, title=title) if request.format == "xlsx" else None
    with Screen() if request.out is None else PartialFile(request.out, settings, finish) as output:
        tally = _skipped(posts, output.done, request.out)
        # Spreadsheet programs take CSV for the system's old encoding unless it begins with a byte-order mark.
        if request.format == "csv" and request.out is not None and tally.rows == 0:
            output.file.write("\ufeff")
        faithfulness = request.options.get("faithfulness", False)
        layout = Layout(request.lang, posts.columns, posts.column, tally.rows == 0, faithfulness)
        writer = WRITERS[request.format](output.file, layout)
        chunks = _answered(answers, posts.rows, tasks)
        if request.file is not None:
            chunks = with_progress(chunks, posts.meter, tally.rows, request.lang)
        for chunk in chunks:
            for found in chunk:
                cells = found.input.cells if isinstance(found.input, Row) else ()
                writer.write(None if request.file is None else found.input.row, found.results, cells)
                tally.add_input(found.input)
                tally.add_results(found.results)
            output.save(tally)
    return tally


def _skipped(posts: Posts, done: Done, out: Path | None) -> Tally:
    """Reads over what an earlier run has done, and makes sure that it was this."""
    tally = Tally(done)
    if done.rows:
        print(f"an unfinished run is gone on with; {done.rows} rows are done", file=sys.stderr)
    for row in islice(posts.rows, done.rows):
        tally.add_input(row)
    if done.rows and (tally.rows, tally.done().posts) != (done.rows, done.posts):
        raise UserError(
            f"--out {out}: the unfinished run beside it was over other posts; "
            "delete the files that end in .partial and .resume, or name another file"
        )
    return tally


def _answered(answers: _Answers, rows: Iterator[Row | BadRow], tasks: list[str]) -> Iterator[list[RowResult]]:
    for chunk in _chunks(rows):
        found = iter(answers([row.text for row in chunk if isinstance(row, Row)]))
        yield [
            _result(row, next(found) if isinstance(row, Row) else ErrorInfo(code=row.code, message=row.message), tasks)
            for row in chunk
        ]


def _result(row: Row | BadRow, found: list[Analysis] | ErrorInfo, tasks: list[str]) -> RowResult:
    if isinstance(found, ErrorInfo):
        return RowResult(row, [RowError(row=row.row, task=name, error=found) for name in tasks])
    return RowResult(row, list(found))


def _chunks(rows: Iterator[Row | BadRow]) -> Iterator[list[Row | BadRow]]:
    """Pieces of the input: small ones where answers take long, so that a kill costs seconds, larger ones else."""
    size = _FIRST_CHUNK
    while chunk := list(_until(islice(rows, size), _MOST_CHARACTERS)):
        started = time.monotonic()
        yield chunk
        spent = time.monotonic() - started
        if spent < _QUICK and len(chunk) == size:
            size = min(2 * size, _LARGEST_CHUNK)
        elif spent > _SLOW:
            size = max(size // 2, 8)


def _until(rows: Iterator[Row | BadRow], characters: int) -> Iterator[Row | BadRow]:
    """The rows up to the one that makes them ``characters`` long."""
    for row in rows:
        yield row
        characters -= len(row.text) if isinstance(row, Row) else 0
        if characters < 0:
            return


def _check_out(request: Request) -> None:
    out = request.out
    if out is None:
        if request.format == "xlsx":
            raise UserError("--format xlsx: a workbook cannot go to the screen; name its file with --out")
        return
    if out.is_dir():
        raise UserError(f"--out {out} is a folder; name a file in it")
    if not out.parent.is_dir():
        raise UserError(f"--out {out}: cannot be written (there is no folder {out.parent}); check the folder")
    if out.suffix.lower() == ".xlsx" and request.format != "xlsx":
        raise UserError(f"--out {out} is named like a workbook but --format is {request.format}; give --format xlsx")
    if request.file not in (None, "-") and out.exists() and out.samefile(request.file or ""):
        raise UserError(f"--out {out} is the input itself; name another file")


def _state_of(folder: Path) -> str:
    """A short name for a model folder's files as they are now; of a hub name, nothing."""
    if not folder.is_dir():
        return ""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    about = [(str(path.relative_to(folder)), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return hashlib.sha256(repr(about).encode("utf-8", "replace")).hexdigest()[:16]
