"""Checks a built corpus from the outside: from its rows alone, without trusting the code that made them."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from instructions.duplicates import text_key
from instructions.heldout import is_held_out, read_heldout
from instructions.records import Record, read_records
from instructions.write import SPLITS, corpus_hash
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
    add_tasks(folder / TASKS)
    forbidden = frozenset[str]().union(*map(_keys, heldout))
    known = {} if records is None else {r.id: r for _, r in read_records(records) if isinstance(r, Record)}
    report = CorpusReport()
    style = json.loads((folder / "corpus.json").read_text(encoding="utf-8"))["style"]
    rows = _rows(folder)
    pairs: dict[tuple[str, str], str] = {}
    for row in rows:
        report.counts["instructions"] += 1
        if row["task"] == "dialogue":
            continue
        task = load_task(row["task"])
        for reason in _faults(row, task, task.style_in(style), forbidden, pairs, known, report):
            report.problems.append((row["id"], reason))
    report.counts["distinct (post, task) pairs"] = len(pairs)
    report.counts["distinct posts"] = len({key for key, _ in pairs})
    named = (folder / "corpus.sha256").read_text(encoding="utf-8").strip()
    if corpus_hash(rows) != named:
        report.problems.append(("corpus.sha256", "is not the hash of the rows"))
    _quarantine(folder / "quarantine.jsonl", report)
    return report


def _keys(path: Path) -> frozenset[str]:
    if path.suffix != ".jsonl":
        return read_heldout(path)
    records = (record for _, record in read_records(path) if isinstance(record, Record))
    return frozenset(text_key(record.text) for record in records if record.text and record.split != "train")


def _rows(folder: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    paths = [folder / f"{split}.parquet" for split in SPLITS]
    return [row for path in paths if path.is_file() for row in pq.read_table(path).to_pylist()]


def _faults(
    row: dict[str, Any],
    task: Task,
    style: str,
    forbidden: frozenset[str],
    pairs: dict[tuple[str, str], str],
    known: dict[str, Record],
    report: CorpusReport,
) -> list[str]:
    question, reply = (message["content"] for message in row["messages"])
    post, answer = _post(question, task.styles[style]), parse_answer(reply, task, style)
    if post is None:
        return ["the question is in none of the task's words"]
    if answer is None:
        return ["the answer does not parse"]
    found = [f"evidence {number} is not in the post" for number in _invented(answer, post)]
    report.counts["evidence quotations"] += len(answer.evidence or ())
    report.counts["explanations"] += answer.explanation is not None
    key = text_key(post)
    if is_held_out(post, forbidden):
        found.append("the post is in a held-out list")
    # A repeat's id is its pair's with the number of the time behind it.
    first, _, again = row["id"].partition("#")
    if pairs.setdefault((key, task.name), first) != first:
        found.append("the post stands twice for the task")
    report.counts["rephrased repeats"] += bool(again)
    if known and (first not in known or sorted(known[first].labels) != sorted(answer.labels)):
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
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        row = json.loads(line)
        report.counts["rows kept without their explanation" if "kept" in row else "rows quarantined"] += 1
        if not row.get("id") or not row.get("reason"):
            report.problems.append((f"quarantine.jsonl:{number}", "has no id or no reason"))
