"""Explains the records of a file that have no explanation: mask, ask, check, ask again, write."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from instructions.checks import problems
from instructions.explain.asking import Asker, Checked, Outcome, Sampling, ask_until_good
from instructions.explain.connection import Connection, beside, tally, versions
from instructions.explain.examples import Examples, read_examples
from instructions.explain.ledger import Ledger, key_of
from instructions.explain.manifest import as_text, new_manifest, now
from instructions.explain.outgoing import Outgoing, outgoing_post
from instructions.explain.progress import Progress
from instructions.explain.prompt import again_messages, explain_messages
from instructions.explain.quality import TWIN, UNRECOVERED, check_reply, told
from instructions.explain.recovery import ByClassifier, ByModel, Recovery
from instructions.explain.rows import Endings, read_rows, require_tasks, settle_rows
from instructions.explain.seen import Seen
from instructions.explain.settings import ExplainSettings
from instructions.records import Record, Span
from instructions.write import make_folder, write_records, write_text
from mentalglm.destination import Destination
from mentalglm.endpoint import Reply
from mentalglm.remote.grammars import whole_answer_grammar
from mentalglm.tasks import Task, load_task
from mentalglm.writers import json_line


@dataclass(frozen=True)
class Explained:
    """How it went.

    Attributes:
        explained: Rows that have an explanation now.
        rejected: Rows that are no sound records, or whose every reply failed a check.
        unanswered: Rows that got no reply.
        unchecked: Tasks for which nobody checked that labels can be told from explanations.
    """

    explained: int
    rejected: int
    unanswered: int
    unchecked: tuple[str, ...]


def explain_records(path: Path, out: Path, connection: Connection, settings: ExplainSettings) -> Explained:
    """Writes ``out`` with the records of ``path``, explained where they were not.

    Beside it stand ``OUT.rejected.jsonl`` (ids and reasons), ``OUT.manifest.json`` (where what was sent) and
    ``OUT.ledger.jsonl`` (every reply; a run that was killed goes on from it).

    Raises:
        UserError: A file cannot be read, the endpoint is not allowed or does not answer.
    """
    records, faults = read_rows(path)
    destination = connection.check()
    require_tasks(records)
    unfit = {one.id: found[0] for one in records if one.explanation is None and (found := problems(one))}
    wanted = [one for one in records if one.explanation is None and one.id not in unfit][: settings.limit]
    tasks = [load_task(name) for name in sorted({one.task for one in wanted})]
    examples = read_examples(settings.examples, [task.name for task in tasks])
    posts = {one.id: outgoing_post(one) for one in wanted}
    make_folder(out.parent)
    manifest = new_manifest(path, connection, settings, destination, tasks, examples, posts)
    write_text(beside(out, "manifest.json"), as_text(manifest))
    with Ledger(beside(out, "ledger.jsonl")) as ledger:
        run = _explain(wanted, posts, connection, settings, destination, tasks, examples, ledger)
        endings, recovery = asyncio.run(run)
        manifest |= tally(endings, ledger, connection.prices)
    reasons = {**faults, **unfit}
    reasons |= {one.id: reason for one in wanted if (reason := endings.reason(one.id)) is not None}
    write_records(out, (_explained(one, endings.outcomes.get(one.id), connection.model) for one in records))
    lines = [json_line({"id": row_id, "reason": reason}) + "\n" for row_id, reason in reasons.items()]
    write_text(beside(out, "rejected.jsonl"), "".join(lines))
    good = sum(outcome.value is not None for outcome in endings.outcomes.values())
    silent = len(endings.unanswered)
    result = Explained(good, len(reasons) - silent, silent, recovery.unchecked)
    manifest["consistency"] = recovery.described()
    manifest["rows"] |= {"explained": good, "rejected": result.rejected, "without_reply": silent}
    manifest["rows"]["explained_before"] = sum(one.explanation is not None for one in records)
    manifest["finished"] = now()
    write_text(beside(out, "manifest.json"), as_text(manifest))
    return result


async def _explain(
    wanted: list[Record],
    posts: dict[str, Outgoing],
    connection: Connection,
    settings: ExplainSettings,
    destination: Destination,
    tasks: list[Task],
    examples: Examples,
    ledger: Ledger,
) -> tuple[Endings, Recovery]:
    sampling = Sampling(connection.max_tokens, connection.temperature, connection.seed)
    async with AsyncExitStack() as stack:
        endpoint = await stack.enter_async_context(connection.open(destination))
        traffic = [endpoint.traffic]
        asker = Asker(endpoint, ledger, sampling)
        recovery: Recovery
        if settings.judge is not None:
            second = await stack.enter_async_context(connection.open(destination, settings.judge))
            traffic.append(second.traffic)
            recovery = ByModel(Asker(second, ledger, Sampling(96, 0.0, connection.seed)), settings.grammar)
        else:
            recovery = ByClassifier(examples.by_task, tasks)
        checked_with = key_of(recovery.described(), examples.digest, versions()["mentalglm"])
        seen = _seen_before(ledger)

        async def settle(record: Record) -> Outcome:
            task, post = load_task(record.task), posts[record.id].text
            style = task.style_in("grounded")
            messages = explain_messages(
                record, post, task, style, examples.choose(record, settings.shots, connection.seed)
            )

            async def check(reply: Reply) -> Checked:
                checked = check_reply(reply, record, post, task, style)
                if checked.value is None:
                    return checked
                words = checked.value["explanation"]
                if seen.twin(task.name, record.id, words):
                    return Checked(None, (TWIN,))
                if not await recovery.recovers(record.id, words, record.labels, task):
                    return Checked(None, (UNRECOVERED,))
                if seen.twin(task.name, record.id, words):  # one that came in meanwhile
                    return Checked(None, (TWIN,))
                seen.add(task.name, record.id, words)
                return Checked({**checked.value, "task": task.name})

            return await ask_until_good(
                asker,
                record.id,
                messages,
                check,
                lambda reply, reasons: again_messages(messages, reply, told(reasons, task.language), task.language),
                attempts=connection.attempts,
                grammar=whole_answer_grammar(post, record.labels, task, style) if settings.grammar else None,
                checked_with=checked_with,
            )

        progress = Progress(len(wanted), traffic, connection.prices)
        endings = await settle_rows(wanted, settle, connection.concurrency, progress)
        progress.last_line()
    return endings, recovery


def _seen_before(ledger: Ledger) -> Seen:
    """What earlier runs over this ledger took, so that the order in which rows end changes nothing."""
    seen = Seen()
    for entry in ledger.entries():
        if entry["what"] == "verdict" and entry["value"] is not None:
            seen.add(entry["value"]["task"], entry["id"], entry["value"]["explanation"])
    return seen


def _explained(record: Record, outcome: Outcome | None, model: str) -> Record:
    if outcome is None or outcome.value is None:
        return record
    evidence = [Span.model_validate(span) for span in outcome.value["evidence"]]
    written = {"explanation": outcome.value["explanation"], "explanation_by": "llm", "evidence": evidence}
    return record.model_copy(update={**written, "meta": {**record.meta, "explained_by": model}})
