"""The commands of ``python -m instructions``."""

from pathlib import Path
from typing import Annotated

import typer

from mentalglm.errors import exit_on_user_error

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


@app.command()
def build(
    config: Annotated[Path, typer.Argument(help="The build's YAML; see instructions/configs/.")],
    data: Annotated[Path, typer.Option(help="The folder that the sources' files are relative to.")],
    out: Annotated[Path, typer.Option(help="Where the corpus goes.")],
    strict: Annotated[bool, typer.Option("--strict", help="Stop when a source's file is missing.")] = False,
) -> None:
    """Build an instruction corpus: Parquet, dataset_info.json, hash, data card, quarantine."""
    from instructions.build import build as build_corpus

    rows = build_corpus(config, data, out, strict)
    typer.echo(f"{out}: {len(rows.kept)} rows, {len(rows.quarantined)} quarantined", err=True)
    for file in rows.missing:
        typer.echo(f"missing, left out: {file}", err=True)


@app.command()
def validate(files: Annotated[list[Path], typer.Argument(help="Record files (JSONL).")]) -> None:
    """Check record files; exit 1 where something is wrong."""
    from instructions.validate import validate as validate_files

    report = validate_files(files)
    for line in report.lines():
        typer.echo(line)
    if report.problems:
        raise typer.Exit(1)


@app.command()
def figures(
    records: Annotated[Path, typer.Option(help="The folder of record files.")] = Path(__file__).parent / "open/records",
    out: Annotated[Path, typer.Option(help="Where the pictures go.")] = Path(__file__).parent / "open/figures",
) -> None:
    """Draw the label mix of record files."""
    from instructions.figures import draw

    for path in draw(records, out):
        typer.echo(path)


def main() -> None:
    """Runs the commands; a user's mistake becomes one line and exit code 2."""
    with exit_on_user_error():
        app()
