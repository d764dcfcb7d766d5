"""The commands: run, score, meta, compare, aggregate, slice, report, sheet, ratings, ls, validate, export."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from eval.console import results, tell
from eval.run_command import run
from mentalglm.errors import UserError, exit_on_user_error

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)

Folder = Annotated[Path, typer.Argument(help="A run's folder.")]
Folders = Annotated[list[Path], typer.Argument(help="The folders of several runs.")]
DataOption = Annotated[Path | None, typer.Option(help="A file of labelled posts, or the folder that holds the files.")]


app.command()(run)


@app.command()
def score(
    folder: Folder,
    bert_score: Annotated[
        str | None, typer.Option(help="Judge explanations by BERTScore too: a model's folder or name.")
    ] = None,
    bart_score: Annotated[
        str | None, typer.Option(help="By BARTScore too: an encoder-decoder model's folder or name.")
    ] = None,
    bert_score_layer: Annotated[int | None, typer.Option(min=0, help="Whose hidden states BERTScore compares.")] = None,
    device: Annotated[str | None, typer.Option(help="Where these models run: cpu, cuda …")] = None,
) -> None:
    """Score a run from its stored answers; the model that gave them is not needed. Writes scores.json."""
    from eval.explanations.model_scores import keep_bart_scores, keep_bert_scores
    from eval.folder import read_manifest
    from eval.score import score_folder
    from eval.score_table import print_scores

    if bert_score_layer is not None and bert_score is None:
        raise UserError("--bert-score-layer goes with --bert-score MODEL")
    read_manifest(folder)
    if bert_score is not None:
        new = keep_bert_scores(folder, bert_score, device, bert_score_layer)
        tell(f"BERTScore: {new} explanations judged by {bert_score}")
    if bart_score is not None:
        new = keep_bart_scores(folder, bart_score, device)
        tell(f"BARTScore: {new} explanations judged by {bart_score}")
    print_scores(results(), score_folder(folder))


@app.command()
def compare(
    folders: Folders,
    common: Annotated[
        bool, typer.Option("--common", help="Compare what runs share, where they answered different samples.")
    ] = False,
    test: Annotated[list[str] | None, typer.Option(help="Measures to test; the headline by default, or all.")] = None,
    out: Annotated[Path | None, typer.Option(help="The file; comparison.json in the last folder by default.")] = None,
) -> None:
    """Compare runs of the same samples: differences, intervals, tests."""
    from eval.compare import compare_folders, print_comparison

    print_comparison(results(), compare_folders(folders, common=common, tested=test, out=out))


@app.command()
def aggregate(
    folders: Folders,
    against: Annotated[list[Path] | None, typer.Option(help="A run of another model; give one per seed.")] = None,
    common: Annotated[bool, typer.Option("--common", help="Take what runs share.")] = False,
    test: Annotated[list[str] | None, typer.Option(help="Measures to test; the headline by default, or all.")] = None,
    out: Annotated[Path | None, typer.Option(help="The file; aggregate.json in the first folder by default.")] = None,
) -> None:
    """Sum up runs that differ in their training seed alone."""
    from eval.aggregate import aggregate_folders, print_aggregate

    print_aggregate(results(), aggregate_folders(folders, against, common=common, tested=test, out=out))


@app.command("slice")
def slice_(
    folder: Folder,
    by: Annotated[list[str], typer.Option(help="A column, or a key of meta; may be given again.")],
    data: Annotated[
        Path | None, typer.Option(help="The file of posts that was run; length and language need none.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="The task, where the run has several.")] = None,
    measure: Annotated[list[str] | None, typer.Option(help="Measures; the headline by default.")] = None,
    parts: Annotated[int, typer.Option(min=2, help="Numbers and dates are divided into so many parts.")] = 4,
    out: Annotated[Path | None, typer.Option(help="The file; slices.json in the folder by default.")] = None,
) -> None:
    """Score the slices of a run: by author, time, length or any other column."""
    from eval.slices import print_slices, slice_folder

    print_slices(results(), slice_folder(folder, by, data, task=task, shown=measure, parts=parts, out=out))


@app.command()
def report(
    folders: Folders,
    out: Annotated[Path | None, typer.Option(help="The file; report.html in the first folder by default.")] = None,
    show_posts: Annotated[
        bool, typer.Option("--show-posts", help="Show posts of any licence, where the run kept them.")
    ] = False,
    for_paper: Annotated[
        bool,
        typer.Option(
            "--for-paper", help="Add data statement, annotators and reproducibility checklist; quote no third party."
        ),
    ] = False,
    tables: Annotated[
        Path | None, typer.Option(help="A folder for tables (Markdown, LaTeX, CSV), figures and the paper's sections.")
    ] = None,
    lang: Annotated[str, typer.Option(help="The language of these, en or zh; the HTML file holds both.")] = "en",
) -> None:
    """Write one offline HTML file that shows runs side by side; tables and figures for a paper besides."""
    from eval.reporting.report import write_report

    page = out or folders[0] / "report.html"
    print(write_report(folders, page, show_posts=show_posts, for_paper=for_paper, tables=tables, lang=lang))
    if tables is not None:
        print(tables)


@app.command()
def meta(
    files: Annotated[list[Path], typer.Argument(help="Rated explanations: CSV, TSV or XLSX files, or their folder.")],
    task: Annotated[str, typer.Option(help="The task explained.")] = "depression",
    score: Annotated[
        list[str] | None, typer.Option(help="A column of people's scores; those of the published set by default.")
    ] = None,
    text: Annotated[str, typer.Option(help="The column of the post.")] = "text",
    explanation: Annotated[
        str | None, typer.Option(help="The column of the explanation; not needed for the published set.")
    ] = None,
    reference: Annotated[str | None, typer.Option(help="The column of a reference explanation.")] = None,
    system: Annotated[str | None, typer.Option(help="The column of who wrote the explanation.")] = None,
    train: Annotated[
        Path | None, typer.Option(help="Explained and labelled rows to learn consistency from; needs a column label.")
    ] = None,
    bert_score: Annotated[str | None, typer.Option(help="BERTScore with this model.")] = None,
    bart_score: Annotated[str | None, typer.Option(help="BARTScore with this model.")] = None,
    bert_score_layer: Annotated[int | None, typer.Option(min=0, help="Whose hidden states BERTScore compares.")] = None,
    device: Annotated[str | None, typer.Option(help="Where these models run: cpu, cuda …")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the result to this JSON file too.")] = None,
) -> None:
    """Tell which measure of explanations to believe: how each ranks them, against how people do."""
    from eval.data import load_data
    from eval.explanations.meta import correlate, print_correlations
    from eval.explanations.rated import PUBLISHED_SCORES, read_rated
    from mentalglm.tasks import load_task

    known = load_task(task)
    rated = read_rated(
        files, scores=score or PUBLISHED_SCORES, text=text, explanation=explanation, reference=reference, system=system
    )
    models = {"bert_score": bert_score, "bart_score": bart_score, "device": device}
    rows = [] if train is None else load_data(train, task, split="all").samples
    found = correlate(rated, known, **models, layer=bert_score_layer, train=rows, out=out)
    print_correlations(results(), found)


@app.command()
def sheet(
    folders: Folders,
    out: Annotated[Path, typer.Option(help="The workbook; NAME-1.xlsx … for several raters, NAME.key.json beside.")],
    n: Annotated[int, typer.Option("--n", min=1, help="Posts of each task.")] = 35,
    raters: Annotated[int, typer.Option(min=1, help="Sheets, each in an order of its own.")] = 2,
    seed: Annotated[int, typer.Option(help="Draws the posts and their order.")] = 0,
    task: Annotated[list[str] | None, typer.Option(help="A task; all that the runs share by default.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="The file that was run, or its folder, where the run kept no posts.")
    ] = None,
    gold: Annotated[bool, typer.Option("--gold", help="Hide the data set's own explanations among them.")] = False,
) -> None:
    """Write rating sheets for experts: explanations of one run or several, blind and shuffled. They hold the posts."""
    from eval.experts.sheet import write_sheets

    made = write_sheets(folders, out, count=n, raters=raters, seed=seed, tasks=task, data=data, gold=gold)
    for name, posts in made.posts.items():
        tell(f"{name}: {posts['drawn']} posts of {posts['explained']} that all explain, of {posts['shared']} shared")
    tell(f"{made.rows} explanations a sheet, with their posts: pass no sheet on but to its rater")
    tell(f"keep {made.key} to yourself, it undoes the blinding; then: python -m eval ratings SHEET… --key {made.key}")
    for path in made.sheets:
        print(path)


@app.command()
def ratings(
    sheets: Annotated[list[Path], typer.Argument(help="The sheets that came back, one per rater.")],
    key: Annotated[Path, typer.Option(help="The key that was written with them.")],
    out: Annotated[Path | None, typer.Option(help="The file; ratings.json beside the key by default.")] = None,
) -> None:
    """Read filled rating sheets: means, agreement, comparison of models. Exits 1 if some cell could not be used."""
    from eval.experts.results import rate_sheets
    from eval.experts.table import print_ratings

    result = rate_sheets(sheets, key, out)
    for mistake in result["mistakes"]:
        tell(mistake)
    print_ratings(results(), result)
    if result["mistakes"]:
        raise typer.Exit(1)


@app.command()
def ls() -> None:
    """List the suites: tasks, posts, splits and scores."""
    from eval.listing import print_suites

    print_suites()


@app.command()
def validate(
    suite: Annotated[str | None, typer.Argument(help="A suite's name or YAML file; all that ship by default.")] = None,
    data: DataOption = None,
) -> None:
    """Check suites and, where their files are, every row of them. Exits 1 if some row cannot be read."""
    from eval.validate import validate_suites

    if not validate_suites(suite, data):
        raise typer.Exit(1)


@app.command()
def export(
    suite: Annotated[str | None, typer.Argument(help="A suite's name or YAML file; or give --task.")] = None,
    task: Annotated[str | None, typer.Option(help="One task instead of a suite.")] = None,
    data: DataOption = None,
    to: Annotated[str, typer.Option(help="lm-eval or inspect.")] = "lm-eval",
    out: Annotated[Path, typer.Option(help="The folder to write.")] = Path("exported"),
    split: Annotated[str | None, typer.Option(help="Which rows, or all.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many rows per task.")] = None,
    style: Annotated[str | None, typer.Option(help="How a task is asked; its first style by default.")] = None,
) -> None:
    """Write tasks and posts in the format of lm-evaluation-harness or inspect."""
    from eval.export import export_tasks

    for path in export_tasks(suite, task, data, to, out, split=split, limit=limit, style=style):
        print(path)


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
