"""``python -m instructions translate``: records in another language, over the same machinery as explanations.

No configuration asks for this by itself: a translated post is not a post that anybody wrote.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from instructions.checks import problems
from instructions.explain import cli as options
from instructions.explain.asking import Asker, Outcome, Sampling, ask_until_good
from instructions.explain.connection import Connection, beside, file_digest, tally, versions
from instructions.explain.ledger import Ledger
from instructions.explain.manifest import as_text, now, sent_counts
from instructions.explain.outgoing import outgoing_post
from instructions.explain.progress import Progress
from instructions.explain.rows import Endings, read_rows, settle_rows
from instructions.records import Record
from instructions.translation import (
    Target,
    again_messages,
    check_translation,
    target_of,
    translate_grammar,
    translate_messages,
    translated,
)
from instructions.write import make_folder, write_records, write_text
from mentalglm.destination import Destination
from mentalglm.errors import UserError
from mentalglm.tasks import load_task, task_names
from mentalglm.writers import json_line


@dataclass(frozen=True)
class Translated:
    """How many rows were translated, rejected, and left without a reply."""

    translated: int
    rejected: int
    unanswered: int


def translate(
    records: Annotated[Path, typer.Argument(help="Records (JSONL); those in another language are translated.")],
    endpoint: options.Endpoint,
    model: options.Model,
    out: Annotated[Path, typer.Option(help="Where the translations go; other files of the run stand beside it.")],
    to: Annotated[str, typer.Option(help="The language: zh or en.")] = "zh",
    tasks: options.Tasks = None,
    concurrency: options.Concurrency = 8,
    allow_external: options.AllowExternal = False,
    api_key_env: options.ApiKeyEnv = None,
    attempts: options.Attempts = 3,
    grammar: Annotated[bool, typer.Option("--grammar", help="Hold replies to the JSON form by a grammar.")] = False,
    limit: options.Limit = None,
    temperature: options.Temperature = 0.3,
    max_tokens: options.MaxTokens = 1024,
    timeout: options.Timeout = 120.0,
    retries: options.Retries = 6,
    seed: options.Seed = 0,
    price_in: options.PriceIn = None,
    price_out: options.PriceOut = None,
) -> None:
    """Translate records over a chat endpoint: labels kept, evidence only where it is found again verbatim."""
    if to not in ("zh", "en"):
        raise UserError(f"--to {to!r} is not known; use zh or en")
    if out.resolve() == records.resolve():
        raise UserError(f"--out {str(out)!r} is the file that is read; give another name")
    options.known_tasks(tasks)
    connection = Connection(
        endpoint, model, allow_external, api_key_env, concurrency, timeout, retries, attempts, max_tokens, temperature,
        seed, options.prices(price_in, price_out),
    )  # fmt: skip
    with options.said_when_stopped():
        done = translate_records(records, out, to, connection, grammar, limit)
    rows = f"{done.translated:,} translated, {done.rejected:,} rejected, {done.unanswered:,} without reply"
    typer.echo(f"{out}: {rows}", err=True)
    if done.unanswered:
        typer.echo("run the same command again for the rows without reply", err=True)
        raise typer.Exit(1)


def translate_records(
    path: Path, out: Path, to: str, connection: Connection, grammar: bool = False, limit: int | None = None
) -> Translated:
    """Writes ``out`` with the translations; beside it stand the same files as beside explanations.

    Raises:
        UserError: A file cannot be read, no task has a counterpart, the endpoint is not allowed or does not answer.
    """
    records, reasons = read_rows(path)
    destination = connection.check()
    targets = {name: target_of(load_task(name), to) for name in {one.task for one in records} & set(task_names())}
    if records and not any(targets.values()):
        names = ", ".join(sorted({one.task for one in records}))
        raise UserError(f"{path}: no task has a counterpart of equal labels in {to!r} called NAME_{to} ({names}); "
                        "write one and name its folder with --tasks")  # fmt: skip
    foreign = [one for one in records if one.language != to]
    reasons |= {one.id: reason for one in foreign if (reason := _unfit(one, targets)) is not None}
    wanted = [one for one in foreign if one.id not in reasons][:limit]
    manifest = {
        "command": "translate",
        "to": to,
        "records": {"file": path.name, "sha256": file_digest(path)},
        **connection.described(destination),
        "grammar": grammar,
        "sent": {
            "what": "posts, their marked words and explanations, with personal data masked; no labels",
            **sent_counts([outgoing_post(one) for one in wanted]),
        },
        "versions": versions(),
        "started": now(),
        "finished": None,
    }
    make_folder(out.parent)
    write_text(beside(out, "manifest.json"), as_text(manifest))
    with Ledger(beside(out, "ledger.jsonl")) as ledger:
        endings = asyncio.run(_translate(wanted, targets, to, connection, destination, grammar, ledger))
        manifest |= tally(endings, ledger, connection.prices)
    reasons |= {one.id: reason for one in wanted if (reason := endings.reason(one.id)) is not None}
    done = {one.id: outcome.value for one in wanted if (outcome := endings.outcomes.get(one.id)) and outcome.value}
    write_records(
        out,
        (
            translated(one, done[one.id], target, to, connection.model)
            for one in wanted
            if one.id in done and (target := targets[one.task]) is not None
        ),
    )
    lines = [json_line({"id": row_id, "reason": reason}) + "\n" for row_id, reason in reasons.items()]
    write_text(beside(out, "rejected.jsonl"), "".join(lines))
    silent = len(endings.unanswered)
    result = Translated(len(done), len(reasons) - silent, silent)
    manifest["rows"] = {
        "asked_about": len(wanted),
        **vars(result),
        "already_in_the_language": len(records) - len(foreign),
    }
    manifest["evidence_dropped"] = sum(value["dropped"] for value in done.values())
    manifest["finished"] = now()
    write_text(beside(out, "manifest.json"), as_text(manifest))
    return result


async def _translate(
    wanted: list[Record],
    targets: dict[str, Target | None],
    to: str,
    connection: Connection,
    destination: Destination,
    grammar: bool,
    ledger: Ledger,
) -> Endings:
    sampling = Sampling(connection.max_tokens, connection.temperature, connection.seed)
    async with connection.open(destination) as endpoint:
        asker = Asker(endpoint, ledger, sampling)

        async def settle(record: Record) -> Outcome:
            target, messages = targets[record.task], translate_messages(record, to)
            assert target is not None
            return await ask_until_good(
                asker,
                record.id,
                messages,
                lambda reply: check_translation(reply, record, target, to),
                lambda reply, reasons: again_messages(messages, reply, reasons),
                attempts=connection.attempts,
                grammar=translate_grammar(record, to) if grammar else None,
                checked_with=versions()["mentalglm"],
            )

        progress = Progress(len(wanted), [endpoint.traffic], connection.prices)
        endings = await settle_rows(wanted, settle, connection.concurrency, progress)
        progress.last_line()
    return endings


def _unfit(record: Record, targets: dict[str, Target | None]) -> str | None:
    """Why a record is not sent, or None."""
    if record.text is None:
        return "a conversation; only posts are translated"
    if targets.get(record.task) is None:
        return f"no counterpart of task {record.task!r} with equal labels"
    return next(iter(problems(record)), None)
