"""The commands: ``python -m eval run | score | report``."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from eval.data import load_data
from eval.folder import default_folder
from eval.report import write_report
from eval.run import Options, run_task
from eval.score import score_folder, summary_lines
from mentalglm.errors import exit_on_user_error

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
_notices = Console(stderr=True, highlight=False, markup=False)

Folder = Annotated[Path, typer.Argument(help="A run's folder.")]


@app.command()
def run(
    task: Annotated[str, typer.Option(help="The task to ask.")],
    data: Annotated[Path, typer.Option(help="Labelled posts: .jsonl, .csv, .tsv, .xlsx, or a folder with TASK.jsonl.")],
    model: Annotated[
        str | None,
        typer.Option(help="A folder or name, or majority, always-positive, tfidf; the embedded model by default."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The run's folder, runs/TIME by default; named again, it resumes.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Which rows, or all; test by default where the rows carry a split.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many rows, drawn with a fixed seed.")] = None,
    labels_only: Annotated[bool, typer.Option("--labels-only", help="No evidence, no explanation: faster.")] = False,
    batch_size: Annotated[int, typer.Option(min=1, help="Posts per call of the model.")] = 16,
    text_column: Annotated[str | None, typer.Option(help="The column of the post; text by default.")] = None,
    label_column: Annotated[str | None, typer.Option(help="The column of the labels; labels by default.")] = None,
    store_text: Annotated[
        bool, typer.Option("--store-text", help="Keep posts and explanations, others' words too.")
    ] = False,
) -> None:
    """Ask a model about every row and keep each answer at once. Exits 1 if some row could not be read."""
    columns = {"text_column": text_column, "label_column": label_column}
    rows = load_data(data, task, split=split, limit=limit, model=model, **columns)
    for notice in rows.notices:
        _notices.print(notice, soft_wrap=True)
    folder = out or default_folder()
    run_task(rows, folder, Options(model, labels_only, batch_size, store_text), _notices)
    _notices.print(f"done: {folder}; next: python -m eval score {folder}", soft_wrap=True)
    if rows.bad:
        raise typer.Exit(1)


@app.command()
def score(folder: Folder) -> None:
    """Score a run from its stored answers; no model is needed. Writes scores.json."""
    for line in summary_lines(score_folder(folder)):
        print(line)


@app.command()
def report(
    folders: Annotated[list[Path], typer.Argument(help="The folders of the runs to show side by side.")],
    out: Annotated[Path | None, typer.Option(help="The file; report.html in the first folder by default.")] = None,
) -> None:
    """Write one offline HTML file that shows runs side by side."""
    print(write_report(folders, out or folders[0] / "report.html"))


def main() -> None:
    """Runs the commands; a user's mistake becomes one line and exit code 2."""
    try:
        with exit_on_user_error():
            app()
    except KeyboardInterrupt:
        print("stopped; the same command with the same --out goes on from here", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
