"""``python -m instructions review``."""

import json
from pathlib import Path
from typing import Annotated

import typer

from instructions.explain.cli import Tasks, known_tasks
from mentalglm.errors import UserError

review_app = typer.Typer(no_args_is_help=True, help="Let experts rate explanations, and read their ratings back.")


@review_app.command("export")
def export(
    records: Annotated[Path, typer.Argument(help="Records (JSONL) with explanations.")],
    out: Annotated[Path, typer.Option(help="The workbook; every expert gets a copy.")] = Path("review.xlsx"),
    n: Annotated[int, typer.Option("--n", min=1, help="How many explanations.")] = 100,
    by: Annotated[str, typer.Option(help="Whose explanations: llm, human or all.")] = "llm",
    seed: Annotated[int, typer.Option(help="Decides which, and their order.")] = 0,
    tasks: Tasks = None,
) -> None:
    """Draw explanations and write a workbook to rate them in; the key beside it stays with you."""
    from instructions.review.export import export_review, key_path

    known_tasks(tasks)
    if by not in ("llm", "human", "all"):
        raise UserError(f"--by {by!r} is not known; use llm, human or all")
    if out.suffix != ".xlsx":
        raise UserError(f"--out {str(out)!r} must end in .xlsx")
    drawn = export_review(records, out, n, seed, by)
    typer.echo(f"{out}: {drawn} explanations; keep {key_path(out)} to yourself, it undoes the blinding", err=True)


@review_app.command("read")
def read(
    workbooks: Annotated[list[Path], typer.Argument(help="The workbooks that came back, one per expert.")],
    key: Annotated[
        Path | None, typer.Option(help="The key of the review (default: review.key.json beside them).")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the report (default: beside the first workbook).")] = None,
) -> None:
    """Means and agreement of the experts' ratings: review.md and review.json."""
    from instructions.review.ratings import read_ratings
    from instructions.review.report import report
    from instructions.review.statistics import statistics
    from instructions.write import make_folder, write_text

    folder = workbooks[0].parent
    found = statistics(read_ratings(workbooks, key or folder / "review.key.json"))
    target = out or folder
    make_folder(target)
    write_text(target / "review.json", json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    write_text(target / "review.md", report(found))
    for fault in found["faults"]:
        typer.echo(fault, err=True)
    typer.echo(f"{target / 'review.md'}: {found['rows']} explanations, {len(found['experts'])} experts", err=True)
