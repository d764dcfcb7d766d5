"""Records to be explained: invented posts, and posts of the open corpus that are not in its train split."""

import json
from pathlib import Path
from typing import Any

from instructions.explain.examples import OPEN_CORPUS
from instructions.records import Record


def record(text: str = "今天又没有睡好，心里很累。", **changes: Any) -> Record:
    """A record without an explanation."""
    task = changes.get("task", "suicide_risk")
    base: dict[str, Any] = {
        "id": "mine:1", "group": "mine:1", "source": "mine", "license": "CC0-1.0", "language": "zh", "task": task,
        "text": text, "labels": ["低自杀风险"] if task == "suicide_risk" else [], "evidence": [], "explanation": None,
        "explanation_by": "none", "split": "train", "annotations": [], "meta": {},
    }  # fmt: skip
    return Record.model_validate(base | changes)


def unexplained(task: str, count: int) -> list[Record]:
    """Posts with gold labels whose explanation and evidence were taken away."""
    found = []
    for line in (OPEN_CORPUS / f"{task}.jsonl").open(encoding="utf-8"):
        one = json.loads(line)
        if one["split"] == "validation":
            one |= {"id": f"mine:{one['id']}", "group": f"mine:{one['group']}", "source": "mine", "split": "train"}
            found.append(Record.model_validate(one | {"explanation": None, "explanation_by": "none", "evidence": []}))
            if len(found) == count:
                break
    return found


def write(path: Path, records: list[Record]) -> Path:
    """Writes records as JSONL."""
    path.write_text("".join(one.model_dump_json() + "\n" for one in records), encoding="utf-8")
    return path


def read(path: Path) -> list[Any]:
    """The objects of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
