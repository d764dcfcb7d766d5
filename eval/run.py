"""Runs a model over samples and keeps every answer as soon as it is there."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from eval.asking import Baselines, Model, Plan
from eval.columns import language
from eval.explanations.observed import Observer
from eval.folder import appending, open_run
from eval.free_generation import Written
from eval.manifest import manifest_of
from eval.probes import probe_each
from eval.suite import OPEN_LICENSE as OPEN_LICENSE
from eval.suite import Suite
from mentalglm.analysis import Analysis, ErrorInfo
from mentalglm.prompt import build_messages
from mentalglm.readers import LabelledRow, Span
from mentalglm.tasks import keep_task


def run_plans(
    model: Model | Baselines,
    plans: Sequence[Plan],
    folder: Path,
    batch_size: int,
    console: Console,
    suite: Suite | None = None,
    absent: dict[str, str] | None = None,
) -> int:
    """Answers every sample that the folder does not hold yet.

    Samples are asked in batches that do not depend on what is there already: a run that was killed asks each batch
    again as a whole, and so gets to the last digit what it would have got without the kill; only what is missing is
    appended.

    Args:
        model: Whom to ask.
        plans: What; a suite's tasks in order, or one.
        folder: The run's folder.
        batch_size: Posts per call of the model.
        console: Where progress is shown.
        suite: The suite, whose samples say their task.
        absent: The suite's tasks that are not asked, with the reason.

    Returns:
        How many samples got no answer this time, such as from an endpoint that went away; the same command asks again.

    Raises:
        UserError: The folder holds another run, or another process is running into it.
    """
    open_run(folder, manifest_of(model, list(plans), suite, absent or {}, batch_size))
    for plan in plans:
        keep_task(folder, plan.task.name)
    unanswered = 0
    with appending(folder) as (done, file), _progress(console) as progress:
        total = sum(len(plan.data.samples) for plan in plans)
        if done:
            console.print(f"resuming: {len(done)} of {total} samples are there already", soft_wrap=True)
        for plan in plans:
            name = plan.task.name if suite is not None else None
            observer = None if plan.settings.labels_only else Observer(plan.data, plan.settings.may_keep)
            bar = progress.add_task(plan.task.name, total=len(plan.data.samples))
            for start in range(0, len(plan.data.samples), batch_size):
                rows = plan.data.samples[start : start + batch_size]
                if any((name, row.id) not in done for row in rows):
                    lines = _lines(model, rows, plan, name, observer)
                    fresh = [line for row, line in zip(rows, lines, strict=True) if (name, row.id) not in done]
                    kept = [line for line in fresh if line is not None]
                    unanswered += len(fresh) - len(kept)
                    file.write("".join(kept))
                    file.flush()
                progress.advance(bar, len(rows))
    return unanswered


def _lines(
    model: Model | Baselines, rows: Sequence[LabelledRow], plan: Plan, task: str | None, observer: Observer | None
) -> list[str | None]:
    """The lines of a batch; None for a row that got no answer."""
    answers = model.answer([row.text for row in rows], plan)
    said = [one.analysis if isinstance(one, Written) else one if isinstance(one, Analysis) else None for one in answers]
    observed = observer.each(rows, said) if observer else [None] * len(rows)
    probed = probe_each(model, rows, said, plan) if plan.settings.probe and isinstance(model, Model) else None
    lines: list[str | None] = []
    for place, (row, answer) in enumerate(zip(rows, answers, strict=True)):
        if isinstance(answer, ErrorInfo) or (probed and probed[place] is None):
            lines.append(None)
            continue
        sample = _sample(row, answer, plan)
        sample |= {"explained": observed[place]} if observer else {}
        sample |= {"probes": probed[place]} if probed else {}
        lines.append(json.dumps(sample if task is None else {"task": task, **sample}, ensure_ascii=False) + "\n")
    return lines


def _sample(row: LabelledRow, answer: Analysis | Written, plan: Plan) -> dict[str, Any]:
    """One line of samples.jsonl. A post is not ours to keep: its hash stands for it, and offsets for quoted words."""
    store_text = plan.settings.store_text
    words_may_stay = plan.settings.may_keep(row.license)  # an explanation quotes the post
    said = answer.analysis if isinstance(answer, Written) else answer
    sample = {
        "id": row.id,
        "row": row.row,
        "group": row.group,
        "text_sha256": _sha256(row.text),
        "length": len(row.text),
        "language": language(row.text),
        "prompt_sha256": _prompt_sha256(row.text, plan),
        "target_sha256": _target_sha256(row),
        "gold": list(row.labels),
        "labels": said.labels,
        "candidates": said.candidates,
        "probabilities": said.probabilities,
        "parsed": said.parsed,
        "abstained": said.abstained,
        "crisis": said.crisis,
        "conflicts": said.conflicts,
        "windows": said.windows,
        "evidence": [_offsets(item.start, item.end, item.label) for item in said.evidence],
        "gold_evidence": None if row.evidence is None else [_span(item) for item in row.evidence],
        "explanation": said.explanation if words_may_stay else None,
        "gold_explanation": row.explanation if words_may_stay else None,
    }
    if isinstance(answer, Written) and words_may_stay:
        sample["reply"] = list(answer.replies)
    return {**sample, "text": row.text} if store_text else sample


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _prompt_sha256(text: str, plan: Plan) -> str | None:
    """The whole question as it is asked of a post that fits; None for a baseline, which is not asked in words."""
    if plan.style is None:
        return None
    return _sha256(json.dumps(build_messages(text, plan.task, plan.style), ensure_ascii=False))


def _target_sha256(row: LabelledRow) -> str:
    """What the answer is held against: labels, evidence and explanation."""
    evidence = None if row.evidence is None else [_span(item) for item in row.evidence]
    return _sha256(json.dumps([list(row.labels), evidence, row.explanation], ensure_ascii=False))


def _span(span: Span) -> dict[str, Any]:
    return _offsets(span.start, span.end, span.label)


def _offsets(start: int, end: int, label: str | None) -> dict[str, Any]:
    return {"start": start, "end": end, "label": label}


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=console)
