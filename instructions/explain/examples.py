"""Explanations to learn from: the open corpus's, train split only, the labels asked about among them."""

import hashlib
import random
from collections.abc import Iterable
from pathlib import Path

from instructions.checks import explanation_fault, problems
from instructions.explain.outgoing import outgoing
from instructions.records import Record, read_records
from mentalglm.errors import UserError

OPEN_CORPUS = Path(__file__).parent.parent / "open" / "records"
# Posts in which an attempt may be under way are never shown as examples.
_GRAVEST = ("suicide_level", "10")


class Examples:
    """Explained records by task.

    Attributes:
        digest: sha256 over the ids, labels and explanations of all of them.
    """

    def __init__(self, by_task: dict[str, list[Record]]) -> None:
        self.by_task = by_task
        self._ranked: dict[tuple[str, tuple[str, ...], int, int], list[Record]] = {}
        digest = hashlib.sha256()
        for name in sorted(by_task):
            for record in by_task[name]:
                digest.update(repr((record.id, record.labels, record.explanation)).encode(errors="surrogatepass"))
        self.digest = digest.hexdigest()

    def choose(self, record: Record, count: int, seed: int) -> list[Record]:
        """At most ``count`` examples for ``record``: those that show other labels first, those that show its own last.

        Records of equal labels get equal examples, so that an endpoint that remembers prompts reads them once.
        """
        key = (record.task, tuple(record.labels), count, seed)
        if key not in self._ranked:
            # A few to spare: a record is never its own example.
            self._ranked[key] = self._rank(record.task, set(record.labels) or {""}, count + 2, seed)
        others = [one for one in self._ranked[key] if one.group != record.group and one.text != record.text]
        return others[:count][::-1]

    def _rank(self, task: str, wanted: set[str], count: int, seed: int) -> list[Record]:
        """The wanted labels first, as few records as it takes; then records with labels not shown yet."""
        pool = list(self.by_task.get(task, ()))
        random.Random(f"{seed}:{task}:{'|'.join(sorted(wanted))}").shuffle(pool)
        chosen: list[Record] = []
        shown: set[str] = set()
        while pool and len(chosen) < count:
            missing = wanted - shown
            best = max(pool, key=lambda one: (len(_labels(one) & missing), len(_labels(one) - shown), -len(one.labels)))
            pool.remove(best)
            chosen.append(best)
            shown |= _labels(best)
        return chosen


def read_examples(folder: Path, tasks: Iterable[str]) -> Examples:
    """Reads ``TASK.jsonl`` of every task from ``folder``; a task without a file has no examples.

    Raises:
        UserError: There is no such folder.
    """
    if not folder.is_dir():
        raise UserError(f"--examples {str(folder)!r}: no such folder; it holds TASK.jsonl files of records")
    grave = {one.group for one in _explained(folder, _GRAVEST[0]) if one.labels == [_GRAVEST[1]]}
    return Examples({name: [one for one in _explained(folder, name) if one.group not in grave] for name in set(tasks)})


def _explained(folder: Path, task: str) -> list[Record]:
    path = folder / f"{task}.jsonl"
    if not path.is_file():
        return []
    records = (record for _, record in read_records(path) if isinstance(record, Record))
    return [one for one in records if one.task == task and one.split == "train" and _fit(one)]


def _fit(record: Record) -> bool:
    if record.explanation is None or problems(record) or explanation_fault(record) is not None:
        return False
    # A folder of one's own may hold real posts: what would have to be masked is no example.
    texts = (record.text or "", record.explanation)
    return all(outgoing(text).text == text for text in texts)


def _labels(record: Record) -> set[str]:
    # Having no label is something to be shown as well.
    return set(record.labels) or {""}
