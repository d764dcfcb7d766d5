"""``python -m eval run``: which posts are asked of which model, and how."""

from pathlib import Path
from typing import Annotated

import typer

from eval.console import notices, results, tell
from eval.folder import default_folder
from mentalglm.errors import UserError


def run(
    suite: Annotated[str | None, typer.Argument(help="A suite's name (see ls) or YAML file; or give --task.")] = None,
    task: Annotated[str | None, typer.Option(help="One task instead of a suite.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="A file of labelled posts, or the folder that holds the files.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="A folder, a name, or a baseline: majority, always-positive, lexicon, tfidf, encoder:…; else embedded."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The run's folder, runs/TIME by default; named again, it resumes.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Which rows, or all; test by default where the rows carry a split.")
    ] = None,
    shots: Annotated[int | None, typer.Option(min=0, help="Examples per label, from the training split.")] = None,
    seed: Annotated[int | None, typer.Option(help="Draws examples, the rows of --limit, held-out posts; 0.")] = None,
    drop_shared: Annotated[
        bool, typer.Option("--drop-shared", help="Draw no example whose post is evaluated, instead of refusing.")
    ] = False,
    generate: Annotated[
        bool | None, typer.Option("--generate/--score-labels", help="Read labels from freely written answers.")
    ] = None,
    labels_only: Annotated[
        bool | None, typer.Option("--labels-only/--whole-answers", help="No evidence, no explanation: faster.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many rows per task.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Posts per call of the model.")] = 16,
    text_column: Annotated[str | None, typer.Option(help="The column of the post; text by default.")] = None,
    label_column: Annotated[str | None, typer.Option(help="The column of the labels; labels by default.")] = None,
    held_out_by: Annotated[
        str | None, typer.Option(help="Hold whole authors out: a column whose values stay on one side.")
    ] = None,
    held_out_share: Annotated[
        float | None, typer.Option(min=0.01, max=0.99, help="So many of its values; 0.2 by default.")
    ] = None,
    held_out_after: Annotated[
        str | None, typer.Option(help="Hold out what is not before a date, or behind a share of the rows such as 0.8.")
    ] = None,
    time_column: Annotated[str | None, typer.Option(help="The column of the dates, with --held-out-after.")] = None,
    store_text: Annotated[
        bool | None, typer.Option("--store-text/--no-text", help="Keep posts and explanations, others' words too.")
    ] = None,
    probe: Annotated[
        str | None,
        typer.Option(help="Ask the model again: comprehensiveness, sufficiency, self-consistency, by commas."),
    ] = None,
    probe_samples: Annotated[
        int | None, typer.Option(min=2, help="Answers drawn for self-consistency; 5 by default.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(min=0.01, help="At which they are drawn; 0.7 by default.")
    ] = None,
    style: Annotated[str | None, typer.Option(help="How a model that was not trained here is asked.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1 …")] = None,
    dtype: Annotated[str | None, typer.Option(help="fp32, bf16 or fp16.")] = None,
    revision: Annotated[str | None, typer.Option(help="Revision of a hub model.")] = None,
    quantization: Annotated[str | None, typer.Option(help="int8 on cpu; int8 or int4 on cuda.")] = None,
    endpoint: Annotated[
        list[str] | None, typer.Option(help="Ask an OpenAI-compatible endpoint; may be given again.")
    ] = None,
    endpoint_model: Annotated[str | None, typer.Option(help="The model's name there; --model is its folder.")] = None,
    allow_external: Annotated[
        bool, typer.Option("--allow-external", help="Let posts leave the loopback and private networks.")
    ] = False,
    api_key_env: Annotated[str | None, typer.Option(help="Environment variable with the endpoint's key.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests under way at each endpoint.")] = 16,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for an endpoint's reply.")] = 120.0,
) -> None:
    """Ask a model about every post and keep each answer at once; a suite is then scored and reported.

    Exits 1 if some row could not be read or got no answer.
    """
    from eval.asking import Source, load
    from eval.data import SEED, load_data
    from eval.probes import read_probes
    from eval.run import run_plans
    from eval.split_by import divide, rule_of
    from eval.start import Given, plan_suite, plan_task, suite_data, tell_notices
    from eval.suite import load_suite

    if (suite is None) == (task is None):
        raise UserError("name a suite or --task NAME, one of them; python -m eval ls shows the suites")
    if split is not None and (held_out_by or held_out_after):
        raise UserError("--split chooses rows by their split, --held-out-… divides them anew; give one of them")
    rule = rule_of(held_out_by, held_out_share, held_out_after, time_column)
    source = Source(
        model, revision, device, dtype, quantization, style, tuple(endpoint or ()), endpoint_model, allow_external,
        api_key_env, concurrency, timeout,
    )  # fmt: skip
    given: Given = {"shots": shots, "seed": seed, "generate": generate, "labels_only": labels_only, "limit": limit}
    given |= {"store_text": store_text, "probe": read_probes(probe), "probe_samples": probe_samples}
    given["temperature"] = temperature
    folder, asked = out or default_folder(), None
    absent: dict[str, str] = {}
    if suite is not None:
        if text_column or label_column or rule:
            raise UserError("columns and --held-out-… go with --task; a suite says how its files are read and divided")
        asked = load_suite(suite)
        files = suite_data(asked, data)
        asker = load(source, batch_size, folder, tell)
        plans, absent = plan_suite(asked, files, asker, given, split, drop_shared, tell)
    else:
        if data is None:
            raise UserError("--task needs --data: a file of labelled posts, or a folder with TASK.jsonl")
        drawn = SEED if seed is None else seed
        columns = {"text_column": text_column, "label_column": label_column, "model": model}
        chosen, most = (split, limit) if rule is None else ("all", None)
        rows = load_data(data, str(task), split=chosen, limit=most, seed=drawn, **columns)
        rows = rows if rule is None else divide(rows, rule, limit, drawn)
        tell_notices(rows, tell)
        asker = load(source, batch_size, folder, tell)
        plans = [plan_task(rows, asker, given, drop_shared)]
    unanswered = run_plans(asker, plans, folder, batch_size, notices, asked, absent)
    asker.close()
    if unanswered:
        tell(f"{unanswered} posts got no answer; the same command with --out {folder} asks them again")
    elif asked is None:
        tell(f"done: {folder}; next: python -m eval score {folder}")
    if asked is not None:
        _finish(folder)
    if unanswered or any(plan.data.bad for plan in plans):
        raise typer.Exit(1)


def _finish(folder: Path) -> None:
    from eval.reporting.report import write_report
    from eval.score import score_folder
    from eval.score_table import print_scores

    print_scores(results(), score_folder(folder))
    tell(f"done: {write_report([folder], folder / 'report.html')}")
