"""Gathers what a build starts from: records from files and sources, posts that are held out, dialogue, credits."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from instructions.config import Checks, Config, DialoguePart, RecordsPart, SourceChoice
from instructions.heldout import is_held_out, read_heldout, text_keys
from instructions.order import order_key
from instructions.records import Record, read_records
from instructions.sources import (
    Fault,
    Source,
    Turns,
    absent_files,
    changed_files,
    load_source,
    read_posts_of,
    read_records_of,
    read_turns,
    source_from,
)
from mentalglm.errors import UserError
from mentalglm.personal_data import mask

_OPEN_LICENCES = ("CC0", "CC-BY-4", "MIT", "APACHE")


@dataclass(slots=True)
class Candidate:
    """A record that may become an instruction.

    Attributes:
        record: The record.
        rank: The place of its origin in the config: of two equal records the one of lower rank is kept.
        by_post: Whether the build decides the record's split; otherwise the record says it.
        evidence_marked: Whether somebody marked the words that carry the labels; where nobody did, an empty list of
            evidence says nothing.
    """

    record: Record
    rank: int
    by_post: bool = False
    evidence_marked: bool = True

    @property
    def assumed(self) -> bool:
        """Whether nobody checked the labels."""
        return bool(self.record.meta.get("assumed"))


@dataclass(slots=True)
class Dialogue:
    """A conversation that is learned as it stands."""

    id: str
    source: str
    licence: str
    turns: Turns


@dataclass(frozen=True)
class Origin:
    """A source as the data card tells of it."""

    title: str
    licence: str
    citation: str
    language: str
    redistributable: bool


@dataclass
class Gathered:
    """What a build starts from.

    Attributes:
        candidates: Records, in the order of the config.
        dialogues: Conversations.
        faults: (id, source, reason) of every row that could not be read or must not be used; never its text.
        heldout_keys: Keys of posts that must not be trained on; see ``heldout.text_keys``.
        heldout_texts: Posts that must not be trained on nor anything like them, where the posts themselves are there.
        missing: The files that are not there, each with where its owner publishes it.
        changed: The files that differ from those the sources were described from.
        origins: The sources by name.
    """

    candidates: list[Candidate] = field(default_factory=list)
    dialogues: list[Dialogue] = field(default_factory=list)
    faults: list[tuple[str, str, str]] = field(default_factory=list)
    heldout_keys: set[str] = field(default_factory=set)
    heldout_texts: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    origins: dict[str, Origin] = field(default_factory=dict)


def gather(config: Config, base: Path, data: Path) -> Gathered:
    """Reads everything ``config`` names; ``base`` is the config's folder, ``data`` that of the sources' files.

    Raises:
        UserError: A task or source is unknown, or a file is broken as a whole.
    """
    if not data.is_dir() and (config.sources or config.dialogue is not None):
        raise UserError(f"--data {data}: no such folder; name the one that the sources' files are in")
    found = Gathered()
    _add_heldout(found, config.checks, base, data)
    for part in config.records:
        _add_records(found, part, base, data)
    for number, choice in enumerate(config.sources):
        _add_source(found, choice, base, data, config.seed, f"{config.name}: sources.{number}")
    if config.dialogue is not None:
        _add_dialogue(found, config.dialogue, config.checks, base, data, config.seed)
    return found


def chosen_source(choice: SourceChoice, base: Path, where: str) -> Source:
    """The source that ``choice`` names or holds; ``where`` it stands is told in errors.

    Raises:
        UserError: There is no such source, or it breaks the schema.
    """
    if choice.source is not None:
        return source_from(choice.source, where)
    name = str(choice.name)
    path = base / name
    return load_source(str(path) if name.endswith((".yaml", ".yml")) and path.is_file() else name)


def _add_heldout(found: Gathered, checks: Checks, base: Path, data: Path) -> None:
    for name in checks.heldout:
        # Not merely named as missing: without the list, posts of a test set would be trained on in silence.
        found.heldout_keys |= read_heldout(data / name)
    for number, choice in enumerate(checks.heldout_sources):
        source = chosen_source(choice, base, f"checks.heldout_sources.{number}")
        found.missing += [f"held out: {file}" for file in absent_files(source, data)]
        present = _present(source, data)
        if present is not None:
            found.heldout_texts += dict.fromkeys(read_posts_of(present, data))


def _add_records(found: Gathered, part: RecordsPart, base: Path, data: Path) -> None:
    paths = [data / file for file in part.files]
    if part.folder is not None:
        folder = base / part.folder
        paths += [folder / f"{task}.jsonl" for task in part.tasks]
        # Test files of tasks that are not asked for hold posts too.
        paths += [path for path in sorted(folder.glob("*.jsonl")) if path.stem not in part.tasks]
    heldout: dict[str, None] = {}
    for path in paths:
        if not path.is_file():
            found.missing.append(str(path.relative_to(base) if path.is_relative_to(base) else path))
            continue
        rank, wanted = len(found.origins), None if path in paths[: len(part.files)] and not part.tasks else part.tasks
        for number, record in read_records(path):
            if isinstance(record, str):
                found.faults.append((f"{path.name}:{number}", path.name, record))
            elif record.split not in part.splits:
                if record.text:
                    heldout[record.text] = None
            elif wanted is None or record.task in wanted:
                _credit(found, record)
                found.candidates.append(Candidate(record, rank, evidence_marked=was_marked(record)))
    found.heldout_texts += heldout


def _credit(found: Gathered, record: Record) -> None:
    """Record files say a licence with every record; all of them must be open for a source to be handed on."""
    is_open = record.license.upper().startswith(_OPEN_LICENCES)
    known = found.origins.get(record.source)
    if known is None:
        found.origins[record.source] = Origin(record.source, record.license, "record files", record.language, is_open)
    elif known.redistributable and not is_open:
        found.origins[record.source] = replace(known, redistributable=False)


def _add_source(found: Gathered, choice: SourceChoice, base: Path, data: Path, seed: int, where: str) -> None:
    source = _at_hand(found, chosen_source(choice, base, where), data)
    if source is None:
        return
    rank = len(found.origins)
    by_post = source.splits == "post"
    marked = {rows.task for rows in source.tasks if rows.evidence or source.evidence}
    rows: dict[str, list[Record]] = {}
    heldout: dict[str, None] = {}
    faults = len(found.faults)
    for row in read_records_of(source, data):
        if isinstance(row, Fault):
            found.faults.append((row.id, source.name, row.reason))
        elif row.split == "test":
            heldout[row.text or ""] = None
        else:
            rows.setdefault(row.task, []).append(row)
    found.heldout_texts += heldout
    if not rows and not heldout and len(found.faults) == faults:
        found.missing.append(f"{source.name}: its files hold no rows")
    for task, records in rows.items():
        for record in _drawn(records, choice.max_rows, lambda record: order_key(seed, record.id)):
            found.candidates.append(Candidate(record, rank, by_post, task in marked))


def _add_dialogue(found: Gathered, part: DialoguePart, checks: Checks, base: Path, data: Path, seed: int) -> None:
    for number, choice in enumerate(part.sources):
        source = _at_hand(found, chosen_source(choice, base, f"dialogue.sources.{number}"), data)
        if source is not None:
            heldout = found.heldout_keys.union(*map(text_keys, found.heldout_texts))
            dialogues = _dialogues(found, source, part.max_characters, data, checks, heldout)
            found.dialogues += _drawn(dialogues, choice.max_rows, lambda row: order_key(seed, row.id))


def _at_hand(found: Gathered, source: Source, data: Path) -> Source | None:
    """The source with those of its files that are there; None where none is, or its list of held-out posts isn't."""
    if source.name in found.origins:
        raise UserError(f"source {source.name!r} stands twice; list it once, or give the other its own name")
    found.origins[source.name] = Origin(
        source.title, source.licence, source.citation, source.language, source.redistributable
    )
    absent = absent_files(source, data)
    found.missing += absent
    found.changed += changed_files(source, data)
    if source.heldout is not None:
        if not (data / source.heldout).is_file():
            return None
        found.heldout_keys |= read_heldout(data / source.heldout)
    return _present(source, data)


def _present(source: Source, data: Path) -> Source | None:
    files = [file for file in source.files if (data / file.path).is_file()]
    return source.model_copy(update={"files": files}) if files or source.hub is not None else None


def was_marked(record: Record) -> bool:
    """Whether somebody marked the words that carry the record's labels, as far as the record says."""
    return bool(record.meta.get("evidence_marked", True))


def _dialogues(
    found: Gathered, source: Source, limit: int, data: Path, checks: Checks, heldout: set[str]
) -> Iterator[Dialogue]:
    seen: set[tuple[str, ...]] = set()
    for row_id, turns in read_turns(source, data):
        reason = turns if isinstance(turns, str) else None
        if not isinstance(turns, str):
            if any(is_held_out(turn["content"], heldout) for turn in turns):
                reason = "the post is in a held-out test set"
            turns = _cut(turns, limit)
            reason = reason or (None if turns else f"the first turn is longer than {limit} characters")
            if checks.near_duplicates is not None and reason is None:
                known = tuple(turn["content"] for turn in turns)
                reason = "a duplicate: the same dialogue" if known in seen else None
                seen.add(known)
        if reason is not None:
            found.faults.append((row_id, source.name, reason))
        elif not isinstance(turns, str):
            if checks.mask_personal_data:
                turns = [{"role": turn["role"], "content": mask(turn["content"]).text} for turn in turns]
            yield Dialogue(row_id, source.name, source.licence, turns)


def _drawn(rows: Any, limit: int | None, key: Callable[[Any], str]) -> list[Any]:
    """All rows, or ``limit`` of them drawn by ``key``."""
    return list(rows) if limit is None else heapq.nsmallest(limit, rows, key=key)


def _cut(turns: Turns, limit: int) -> Turns:
    """The turns that fit into ``limit`` characters; a question whose answer was cut off goes with it."""
    kept: Turns = []
    for turn in turns:
        limit -= len(turn["content"])
        if limit < 0:
            return kept[:-1] if len(kept) > 1 and kept[-1]["role"] == "user" else kept
        kept.append(turn)
    return kept
