"""Everything that is said of a record by itself, in several processes: masked, checked, and keyed for comparison."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from instructions.checks import explanation_fault, problems
from instructions.config import Checks, Config
from instructions.duplicates import post_key, signature
from instructions.gather import Candidate
from instructions.heldout import text_keys
from instructions.instruct import reads_back, text_of
from instructions.mojibake import is_damaged
from instructions.records import Record, Span, Turn
from mentalglm.personal_data import Masked, mask
from mentalglm.tasks import Task, add_task

# Rows a process works on at a time; fewer rows than two chunks are not worth a second process.
CHUNK = 2000

T = TypeVar("T")

_Told = tuple[Config, frozenset[str], tuple[Task, ...]]
_config: Config
_heldout: frozenset[str]


@dataclass(slots=True)
class Verdict:
    """What became of one record.

    Attributes:
        record: The record as it may be used: personal data masked, an unsound explanation left out.
        key: What the post is known by; see ``duplicates.post_key``. Empty where the record must not be used.
        signature: For near duplicates; empty where they are not asked for.
        reason: Why the record must not be used; None where it may.
        without: Why its explanation was left out; None where it wasn't.
        masked: The kinds of personal data that were masked.
    """

    record: Record
    key: str
    signature: bytes
    reason: str | None = None
    without: str | None = None
    masked: tuple[str, ...] = ()


def examine(
    candidates: Sequence[Candidate],
    config: Config,
    heldout: frozenset[str] = frozenset(),
    own_tasks: Sequence[Task] = (),
    processes: int | None = None,
) -> list[Verdict]:
    """Examines records; the verdicts come in the order of ``candidates``.

    Args:
        candidates: The records.
        config: The build: what they must pass, and the style they must be expressible in.
        heldout: Keys of posts that must not be used.
        own_tasks: Tasks that don't come with the package; other processes must be told of them.
        processes: How many work at once; by default one per core.
    """
    # Rows of the same post stand together, so that a post is masked and signed once and not once a task.
    order = sorted(range(len(candidates)), key=lambda place: candidates[place].record.text or "")
    chunks = [[candidates[place] for place in order[start : start + CHUNK]] for start in range(0, len(order), CHUNK)]
    verdicts: dict[int, Verdict] = {}
    told = config, heldout, tuple(own_tasks)
    for place, verdict in zip(order, _worked(chunks, told, processes or os.cpu_count() or 1), strict=True):
        verdict.record = verdict.record or candidates[place].record
        verdicts[place] = verdict
    return [verdicts[place] for place in range(len(candidates))]


def examine_one(candidate: Candidate, config: Config, heldout: frozenset[str] = frozenset()) -> Verdict:
    """Examines one record; the arguments are those of :func:`examine`."""
    record, checks = candidate.record, config.checks
    found = _text_problem(record, checks) or next(iter(problems(record)), None)
    # Before masking: lists of held-out posts know them as they were written.
    if found is None and any(not heldout.isdisjoint(_known_by(text)) for text in _written(record)):
        found = "the post is in a held-out test set"
    if found is not None:
        return Verdict(record, "", b"", found)
    masked: tuple[str, ...] = ()
    if checks.mask_personal_data:
        record, masked = _without_personal_data(record)
    # Behind it: two posts that differ by a name alone are one post once the names are masked.
    key, bands = _keys(text_of(record), checks.near_duplicates is not None)
    fault = explanation_fault(record)
    if fault is not None and checks.faulty_explanation == "quarantine":
        return Verdict(record, key, bands, fault, masked=masked)
    if fault is not None:
        record = record.model_copy(update={"explanation": None, "explanation_by": "none"})
    if not reads_back(record, config.style, config.seed, candidate.evidence_marked):
        return Verdict(record, key, bands, "its answer cannot be written so that it reads back the same", masked=masked)
    return Verdict(record, key, bands, without=fault, masked=masked)


def _worked(chunks: list[list[Candidate]], told: _Told, processes: int) -> Iterator[Verdict]:
    if processes == 1 or len(chunks) < 2:
        _begin(told)
        for chunk in _shown(chunks, len(chunks)):
            yield from _work(chunk)
        return
    with ProcessPoolExecutor(min(processes, len(chunks)), initializer=_begin, initargs=(told,)) as pool:
        for verdicts in _shown(pool.map(_work, chunks), len(chunks)):
            yield from verdicts


def _shown(work: Iterable[T], total: int) -> Iterable[T]:
    """``work`` with a bar and the time left, on a terminal."""
    from rich.console import Console
    from rich.progress import track

    quiet = total < 2 or not sys.stderr.isatty()
    return track(work, "checking rows", total, console=Console(stderr=True), transient=True, disable=quiet)


def _begin(told: _Told) -> None:
    """What a process is told once and not with every chunk: config, held-out keys, tasks of one's own."""
    global _config, _heldout
    _config, _heldout, own_tasks = told
    for task in own_tasks:
        add_task(task)


def _work(chunk: list[Candidate]) -> list[Verdict]:
    verdicts = [examine_one(candidate, _config, _heldout) for candidate in chunk]
    for candidate, verdict in zip(chunk, verdicts, strict=True):
        if verdict.record is candidate.record:
            # Most rows stay as they are: the caller has them, a second copy would double its memory.
            verdict.record = None  # type: ignore[assignment]
    return verdicts


def _text_problem(record: Record, checks: Checks) -> str | None:
    text = text_of(record)
    if len(text.strip()) < checks.min_characters:
        return f"the post has fewer than {checks.min_characters} characters"
    limit = checks.max_characters[record.language]
    if len(text) > limit:
        return f"the post has more than {limit} characters"
    return "the post holds text in a broken encoding" if _damaged(text) else None


def _written(record: Record) -> list[str]:
    """What people wrote: the post, or every turn of theirs."""
    if record.text is not None:
        return [record.text]
    return [turn.content for turn in record.turns or [] if turn.role == "user"]


def _without_personal_data(record: Record) -> tuple[Record, tuple[str, ...]]:
    """The record with its post, turns and explanation masked; evidence that a mask cuts through is left out."""
    post, words = _masked(record.text or ""), mask(record.explanation or "")
    turns = [mask(turn.content) for turn in record.turns or []]
    kinds = {change.kind for one in (post, words, *turns) for change in one.changes}
    if not kinds:
        return record, ()
    if record.turns is not None:
        said = [Turn(role=turn.role, content=one.text) for turn, one in zip(record.turns, turns, strict=True)]
        return record.model_copy(update={"turns": said, "explanation": words.text or None}), tuple(sorted(kinds))
    evidence = []
    for span in record.evidence:
        place = post.moved(span.start, span.end)
        if place is not None:
            evidence.append(Span(start=place[0], end=place[1], label=span.label))
    update = {"text": post.text, "evidence": evidence, "explanation": words.text or None}
    return record.model_copy(update=update), tuple(sorted(kinds))


@lru_cache(maxsize=16)
def _keys(text: str, near: bool) -> tuple[str, bytes]:
    return post_key(text), signature(text) if near else b""


@lru_cache(maxsize=16)
def _known_by(text: str) -> frozenset[str]:
    return text_keys(text)


@lru_cache(maxsize=16)
def _masked(text: str) -> Masked:
    return mask(text)


@lru_cache(maxsize=16)
def _damaged(text: str) -> bool:
    return is_damaged(text)
