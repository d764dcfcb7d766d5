"""Checks a built corpus from the outside: from its rows alone, without trusting the code that made them."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from instructions.duplicates import post_key, text_key
from instructions.heldout import is_held_out, read_heldout
from instructions.instruction import COLUMNS
from instructions.records import Record, read_records
from instructions.write import SPLITS, UNFINISHED, corpus_hash
from mentalglm.answer import Answer, parse_answer
from mentalglm.errors import UserError
from mentalglm.tasks import TASKS, Style, Task, add_tasks, load_task


@dataclass
class CorpusReport:
    """What was found in a corpus.

    Attributes:
        counts: What there is of each kind.
        problems: (id, reason), never a text.
    """

    counts: Counter[str] = field(default_factory=Counter)
    problems: list[tuple[str, str]] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The report as lines of text."""
        counted = [f"{name}: {count:,}" for name, count in self.counts.items()]
        return [*counted, *(f"{row}: {reason}" for row, reason in self.problems), f"{len(self.problems)} problems"]


def validate_corpus(folder: Path, heldout: list[Path], records: Path | None = None) -> CorpusReport:
    """Checks the rows of an instruction folder.

    Every answer must parse; every quotation in its evidence must stand in the post; no post may be one of a held-out
    list; a pair of post and task stands once, or again under a numbered id; the rows must have the hash that the folder
    names; every quarantined row must have a reason. With the records, labels must be those of the record.

    Args:
        folder: The folder that a build wrote.
        heldout: Lists of held-out posts, or record files (``.jsonl``) whose validation and test posts are.
        records: The records that the build wrote with ``--records``.

    Raises:
        UserError: A file is missing or broken.
    """
    if not (folder / "train.parquet").is_file():
        raise UserError(f"{folder}: holds no train.parquet; name the folder that a build wrote", "missing_file")
    if (folder / UNFINISHED).exists():
        raise UserError(f"{folder}: its build was interrupted; build it again")
    add_tasks(folder / TASKS)
    forbidden = frozenset[str]().union(*map(_keys, heldout))
    known = {} if records is None else {r.id: r for _, r in read_records(records) if isinstance(r, Record)}
    report = CorpusReport()
    style = _json(folder / "corpus.json", "style")
    rows = _rows(folder)
    seen = _Seen({}, {}, set(), forbidden, known)
    for row in rows:
        report.counts["instructions"] += 1
        if row["id"] in seen.ids:
            report.problems.append((row["id"], "the id stands twice"))
        seen.ids.add(row["id"])
        if row["task"] == "dialogue":
            continue
        task = load_task(row["task"])
        for reason in _faults(row, task, task.style_in(style), seen, report):
            report.problems.append((row["id"], reason))
    report.counts["distinct (post, task) pairs"] = len(seen.pairs)
    report.counts["distinct posts"] = len(seen.splits)
    if corpus_hash(rows) != _text(folder / "corpus.sha256").strip():
        report.problems.append(("corpus.sha256", "is not the hash of the rows"))
    if (folder / "quarantine.jsonl").is_file():  # a stage's rows are quarantined with the whole corpus's
        _quarantine(folder / "quarantine.jsonl", report)
    return report


@dataclass
class _Seen:
    """What the rows so far, and the files beside them, have said.

    Attributes:
        pairs: (post, task) -> the id it stands under, without the number of a repeat.
        splits: Post -> split.
        ids: The ids.
        forbidden: Keys of posts that must not be there.
        known: Records by id.
    """

    pairs: dict[tuple[str, str], str]
    splits: dict[str, str]
    ids: set[str]
    forbidden: frozenset[str]
    known: dict[str, Record]


def _keys(path: Path) -> frozenset[str]:
    if path.suffix != ".jsonl":
        return read_heldout(path)
    records = (record for _, record in read_records(path) if isinstance(record, Record))
    return frozenset(text_key(record.text) for record in records if record.text and record.split != "train")


def _rows(folder: Path) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = []
    for split in SPLITS:
        path = folder / f"{split}.parquet"
        if path.is_file():
            try:
                found = pq.read_table(path, columns=list(COLUMNS)).to_pylist()
            except (pa.ArrowException, OSError) as error:
                raise UserError(f"{path}: cannot be read ({type(error).__name__}); build it again") from None
            if any(row["split"] != split for row in found):
                raise UserError(f"{path}: holds rows of another split; build it again")
            rows += found
    return rows


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise UserError(f"{path}: cannot be read; build the corpus again", "missing_file") from None


def _json(path: Path, key: str) -> Any:
    try:
        return json.loads(_text(path))[key]
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path}: is broken; build the corpus again") from None


def _faults(row: dict[str, Any], task: Task, style: str, seen: _Seen, report: CorpusReport) -> list[str]:
    if [message["role"] for message in row["messages"]] != ["user", "assistant"]:
        return ["the row is not one question and one answer"]
    question, reply = (message["content"] for message in row["messages"])
    post, answer = _post(question, task.styles[style]), parse_answer(reply, task, style)
    if post is None:
        return ["the question is in none of the task's words"]
    if answer is None:
        return ["the answer does not parse"]
    found = [f"evidence {number} is not in the post" for number in _invented(answer, post)]
    report.counts["evidence quotations"] += len(answer.evidence or ())
    report.counts["explanations"] += answer.explanation is not None
    key = post_key(post)
    if is_held_out(post, seen.forbidden):
        found.append("the post is in a held-out list")
    if seen.splits.setdefault(key, row["split"]) != row["split"]:
        found.append("the post stands in both splits")
    # A repeat's id is its pair's with the number of the time behind it, a label-only copy's with "labels-" before that.
    first, _, again = row["id"].partition("#")
    if seen.pairs.setdefault((key, task.name), first) != first:
        found.append("the post stands twice for the task")
    copied = again.startswith("labels-")
    report.counts["label-only copies"] += copied
    report.counts["rephrased repeats"] += bool(again) and not copied
    if seen.known and (first not in seen.known or sorted(seen.known[first].labels) != sorted(answer.labels)):
        found.append("the labels are not those of the record")
    return found


def _post(question: str, style: Style) -> str | None:
    """The post in a question, by the wording that it is asked in."""
    for wording in (style.prompt, *style.variants):
        before, after = wording.split("{post}")
        if len(question) >= len(before) + len(after) and question.startswith(before) and question.endswith(after):
            return question[len(before) : len(question) - len(after)]
    return None


def _invented(answer: Answer, post: str) -> list[int]:
    return [number for number, quote in enumerate(answer.evidence or ()) if quote.text not in post]


def _quarantine(path: Path, report: CorpusReport) -> None:
    for number, line in enumerate(_text(path).splitlines(), 1):
        try:
            row = dict(json.loads(line))
        except (ValueError, TypeError):
            report.problems.append((f"quarantine.jsonl:{number}", "is no JSON object"))
            continue
        report.counts["rows kept without their explanation" if "kept" in row else "rows quarantined"] += 1
        if not row.get("id") or not row.get("reason"):
            report.problems.append((f"quarantine.jsonl:{number}", "has no id or no reason"))
