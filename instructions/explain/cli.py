"""``python -m instructions explain``."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from mentalglm.errors import UserError
from mentalglm.tasks import add_tasks

Endpoint = Annotated[str, typer.Option(help="Base URL of an OpenAI-compatible API, such as http://127.0.0.1:8000/v1.")]
Model = Annotated[str, typer.Option(help="The model's name there.")]
Concurrency = Annotated[int, typer.Option(min=1, help="Requests under way at once.")]
AllowExternal = Annotated[
    bool, typer.Option("--allow-external", help="Let posts leave the loopback and private address ranges.")
]
ApiKeyEnv = Annotated[str | None, typer.Option(help="Name of the environment variable that holds the API key.")]
Attempts = Annotated[int, typer.Option(min=1, help="Replies asked for per row at most; reasons are told each time.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Rows asked about at most.")]
Temperature = Annotated[float, typer.Option(min=0, help="Sampling temperature.")]
MaxTokens = Annotated[int, typer.Option(min=1, help="Length limit of a reply.")]
Timeout = Annotated[float, typer.Option(min=1, help="Seconds to wait for a reply.")]
Retries = Annotated[int, typer.Option(min=0, help="How often a busy or broken endpoint is asked again, with back-off.")]
Seed = Annotated[int, typer.Option(help="Decides examples and sampling.")]
Tasks = Annotated[Path | None, typer.Option(help="Folder of NAME.yaml files of tasks of your own.")]
PriceIn = Annotated[float | None, typer.Option(help="Price of a million tokens read; the cost is shown.")]
PriceOut = Annotated[float | None, typer.Option(help="Price of a million tokens written.")]


def explain(
    records: Annotated[Path, typer.Argument(help="Records (JSONL); those without an explanation are explained.")],
    endpoint: Endpoint,
    model: Model,
    out: Annotated[Path, typer.Option(help="Where all the records go; other files of the run stand beside it.")],
    concurrency: Concurrency = 8,
    allow_external: AllowExternal = False,
    api_key_env: ApiKeyEnv = None,
    attempts: Attempts = 3,
    grammar: Annotated[
        bool, typer.Option("--grammar", help="Hold replies to the answer's form (vLLM's structured_outputs).")
    ] = False,
    judge: Annotated[
        str | None, typer.Option(help="A second model there that must recover the label from the explanation alone.")
    ] = None,
    examples: Annotated[
        Path | None, typer.Option(help="Folder of TASK.jsonl records to learn from (default: the open corpus).")
    ] = None,
    shots: Annotated[int, typer.Option(min=0, help="Examples shown with each question.")] = 3,
    tasks: Tasks = None,
    limit: Limit = None,
    temperature: Temperature = 0.7,
    max_tokens: MaxTokens = 512,
    timeout: Timeout = 120.0,
    retries: Retries = 6,
    seed: Seed = 0,
    price_in: PriceIn = None,
    price_out: PriceOut = None,
) -> None:
    """Explain records that have no explanation, over a chat endpoint; a killed run goes on where it stopped."""
    from instructions.explain.connection import Connection
    from instructions.explain.examples import OPEN_CORPUS
    from instructions.explain.run import explain_records
    from instructions.explain.settings import ExplainSettings

    if out.resolve() == records.resolve():
        raise UserError(f"--out {str(out)!r} is the file that is read; give another name")
    known_tasks(tasks)
    connection = Connection(
        endpoint, model, allow_external, api_key_env, concurrency, timeout, retries, attempts, max_tokens, temperature,
        seed, prices(price_in, price_out),
    )  # fmt: skip
    settings = ExplainSettings(examples or OPEN_CORPUS, shots, grammar, judge, limit)
    with said_when_stopped():
        done = explain_records(records, out, connection, settings)
    rows = f"{done.explained:,} explained, {done.rejected:,} rejected, {done.unanswered:,} without reply"
    typer.echo(f"{out}: {rows}", err=True)
    for task in done.unchecked:
        typer.echo(
            f"{task}: too few examples to check that labels can be told from explanations; try --judge", err=True
        )
    if done.unanswered:
        typer.echo("run the same command again for the rows without reply", err=True)
        raise typer.Exit(1)


def known_tasks(folder: Path | None) -> None:
    """Makes the tasks of a folder known."""
    if folder is None:
        return
    if not folder.is_dir():
        raise UserError(f"--tasks {str(folder)!r}: no such folder; it holds NAME.yaml files of tasks")
    add_tasks(folder)


def prices(price_in: float | None, price_out: float | None) -> tuple[float, float] | None:
    """Both prices, a missing one 0; None where neither is given."""
    return None if price_in is None and price_out is None else (price_in or 0.0, price_out or 0.0)


@contextmanager
def said_when_stopped() -> Iterator[None]:
    """Around a run: Ctrl-C ends it with one line and exit code 130; what was answered is kept."""
    try:
        yield
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on where it stopped", file=sys.stderr)
        raise SystemExit(130) from None
