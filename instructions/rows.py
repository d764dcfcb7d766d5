"""The rows of a build: instructions to be written, and quarantined rows with their reasons."""

import hashlib
import heapq
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from instructions.checks import problems
from instructions.config import DialoguePart, DialogueSource, RecordsPart
from instructions.instruct import messages_of, unfit_explanation
from instructions.records import Record, read_records
from instructions.sources import Source, Turns, load_source, read_turns
from mentalglm.errors import UserError
from mentalglm.tasks import load_task


@dataclass(frozen=True)
class Instruction:
    """One row of the output; ``labels`` and ``licence`` are for the data card and not written to the row."""

    id: str
    messages: list[dict[str, str]]
    task: str
    source: str
    split: str
    labels: tuple[str, ...] = ()
    licence: str = ""
    weight: float = 1.0


@dataclass
class Rows:
    """What a build has gathered.

    Attributes:
        kept: The instructions.
        quarantined: (id, source, reason) of every row left out for a fault; never its text.
        missing: The files that were asked for and are not there.
        credits: Whom each source of text is owed to, and whether its text may be handed on.
    """

    kept: list[Instruction] = field(default_factory=list)
    quarantined: list[tuple[str, str, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    credits: list[str] = field(default_factory=list)


def add_records(rows: Rows, part: RecordsPart, base: Path, seed: int) -> None:
    """Adds the instructions of record files; ``base`` is the folder that ``part.folder`` is relative to.

    Raises:
        UserError: A task or the style is unknown.
    """
    for task in part.tasks:
        known = load_task(task).styles
        if part.style not in known:
            raise UserError(f"style: {part.style!r} is not a style of {task}; it has {', '.join(known)}")
        path = base / part.folder / f"{task}.jsonl"
        if not path.is_file():
            rows.missing.append(str(part.folder / path.name))
            continue
        for number, record in read_records(path):
            name = f"{path.name}:{number}"
            if isinstance(record, str):
                rows.quarantined.append((name, path.name, record))
            elif record.task != task:
                rows.quarantined.append((record.id, record.source, f"a record of task {record.task!r} in {path.name}"))
            elif record.split in part.splits:
                _add_record(rows, record, part, seed)


def add_dialogue(rows: Rows, part: DialoguePart, data: Path, seed: int) -> None:
    """Adds the dialogues of every source that is there."""
    for wanted in part.sources:
        source = load_source(wanted.name)
        handed_on = "" if source.redistributable else " Its text may not be handed on."
        rows.credits.append(f"{source.title} ({source.licence}): {source.citation}.{handed_on}")
        needed = source.files + ([source.heldout] if source.heldout else [])
        absent = [file for file in needed if not (data / file).is_file()]
        if absent:
            rows.missing += [f"{source.name}: {file}" for file in absent]
            continue
        rows.kept += _drawn(_dialogues(rows, source, part, data), wanted, seed)


def order_key(seed: int, row_id: str) -> str:
    """A random but fixed place for a row: ids reveal the order things were written in, so rows are sorted by this."""
    return hashlib.sha256(f"{seed}:{row_id}".encode()).hexdigest()


def text_hash(text: str) -> str:
    """The hash held-out posts are known by: letters and digits only, lower case, first 16 hex digits of sha256."""
    return hashlib.sha256("".join(filter(str.isalnum, text)).lower().encode()).hexdigest()[:16]


def _add_record(rows: Rows, record: Record, part: RecordsPart, seed: int) -> None:
    faults = problems(record)
    unfit = unfit_explanation(record) if part.drop_advice else None
    if faults or unfit:
        rows.quarantined.append((record.id, record.source, faults[0] if faults else str(unfit)))
        return
    try:
        messages = messages_of(record, part.style, seed)
    except ValueError as error:
        rows.quarantined.append((record.id, record.source, str(error)))
        return
    labels = tuple(record.labels)
    rows.kept.append(Instruction(record.id, messages, record.task, record.source, record.split, labels, record.license))


def _dialogues(rows: Rows, source: Source, part: DialoguePart, data: Path) -> Iterator[Instruction]:
    heldout = _heldout(data / source.heldout) if source.heldout else frozenset()
    for row_id, turns in read_turns(source, data):
        reason = turns if isinstance(turns, str) else None
        if not isinstance(turns, str):
            if any(text_hash(turn["content"]) in heldout for turn in turns):
                reason = "the text is in a held-out test set"
            turns = _cut(turns, part.max_characters)
            reason = reason or (None if turns else f"the first turn is longer than {part.max_characters} characters")
        if reason is not None:
            rows.quarantined.append((row_id, source.name, reason))
        elif not isinstance(turns, str):
            yield Instruction(row_id, turns, "dialogue", source.name, "train", (), source.licence)


def _drawn(dialogues: Iterator[Instruction], wanted: DialogueSource, seed: int) -> list[Instruction]:
    if wanted.max_rows is None:
        return list(dialogues)
    return heapq.nsmallest(wanted.max_rows, dialogues, key=lambda row: order_key(seed, row.id))


def _cut(turns: Turns, limit: int) -> Turns:
    """The turns that fit into ``limit`` characters; a question whose answer was cut off goes with it."""
    kept: Turns = []
    for turn in turns:
        limit -= len(turn["content"])
        if limit < 0:
            return kept[:-1] if len(kept) > 1 and kept[-1]["role"] == "user" else kept
        kept.append(turn)
    return kept


def _heldout(path: Path) -> frozenset[str]:
    try:
        sets = json.loads(path.read_text(encoding="utf-8"))["sets"]
        return frozenset(digest for digests in sets.values() for digest in digests)
    except (ValueError, KeyError, AttributeError, TypeError):
        raise UserError(f'{path}: not a list of held-out hashes; it needs {{"sets": {{name: [hash, …]}}}}') from None
