"""The commands of ``python -m instructions``."""

from pathlib import Path
from typing import Annotated

import typer

from instructions.explain.cli import explain
from instructions.review.cli import review_app
from instructions.translate import translate
from instructions.workbook.cli import import_workbook
from mentalglm.errors import exit_on_user_error

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


@app.command()
def build(
    config: Annotated[Path, typer.Argument(help="The build's YAML; see instructions/configs/.")],
    data: Annotated[Path, typer.Option(help="The folder that the sources' files are relative to.")],
    out: Annotated[Path, typer.Option(help="Where the corpus goes.")],
    strict: Annotated[bool, typer.Option("--strict", help="Stop when a source's file is missing or changed.")] = False,
    records: Annotated[
        Path | None, typer.Option(help="Also write every record that passed to this JSONL file, before the mixture.")
    ] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="How many processes check rows; by default one per core.")
    ] = None,
) -> None:
    """Build an instruction corpus: Parquet, dataset_info.json, hash, data card, quarantine."""
    from instructions.build import build as build_corpus

    built = build_corpus(config, data, out, strict, records, processes)
    left_out, bare = len(built.quarantined), len(built.screened.without)
    spent = sum(built.seconds.values())
    typer.echo(f"{out}: {len(built.rows):,} instructions in {spent:.1f} s, sha256 {built.digest[:12]}…", err=True)
    typer.echo(f"{left_out:,} rows quarantined, {bare:,} without their explanation: {out}/quarantine.jsonl", err=True)
    for file in built.gathered.changed:
        typer.echo(f"changed since the source was described: {file}", err=True)
    for file in built.gathered.missing:
        typer.echo(f"missing, left out: {file}", err=True)


@app.command()
def validate(
    files: Annotated[list[Path], typer.Argument(help="Record files (JSONL), or one folder that a build wrote.")],
    heldout: Annotated[list[Path], typer.Option(help="With a folder: lists of posts that must not be in it.")] = [],  # noqa: B006
    records: Annotated[Path | None, typer.Option(help="With a folder: the records the build wrote.")] = None,
) -> None:
    """Check record files or a built corpus; exit 1 where something is wrong."""
    from instructions.validate import validate as validate_files
    from instructions.validate_corpus import validate_corpus

    report = validate_corpus(files[0], heldout, records) if files[0].is_dir() else validate_files(files)
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


@app.command()
def posts(
    files: Annotated[list[Path], typer.Argument(help="Posts as instructions/open/GUIDE.md has them written (JSONL).")],
    into: Annotated[Path, typer.Option(help="The folder of record files.")] = Path(__file__).parent / "open/records",
) -> None:
    """Add posts written under the open corpus's guide to its records."""
    from instructions.open_posts import add_open_posts

    typer.echo(f"{into}: {add_open_posts(files, into)} posts added")


app.command("import")(import_workbook)
app.command()(explain)
app.command()(translate)
app.add_typer(review_app, name="review")


def main() -> None:
    """Runs the commands; a user's mistake becomes one line and exit code 2."""
    with exit_on_user_error():
        app()
