"""Runs of invented posts with explanations, and sheets as raters send them back."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from openpyxl import load_workbook

from eval.experts.workbook import NUMBER, RATINGS
from mentalglm.rating.aspects import ASPECTS
from tests.eval.conftest import sample, write_run

Cell = Callable[[int, int], Any]


def post(place: int) -> str:
    return f"第{place}天，照常上班，照常吃饭"


def record(place: int) -> dict[str, Any]:
    return {"id": f"r{place}", "text": post(place), "labels": ["低自杀风险"], "task": "suicide_risk"}


def posts_file(folder: Path, count: int = 20) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "suicide_risk.jsonl"
    path.write_text("".join(json.dumps(record(i), ensure_ascii=False) + "\n" for i in range(count)), encoding="utf-8")
    return path


def explained_run(folder: Path, model: str, count: int = 20, *, keep: bool = True, **more: Any) -> Path:
    """A run whose every answer is explained; posts 2k and 2k + 1 are of one author."""
    data = posts_file(folder.parent / "data", count)
    samples = [
        sample(
            ["低自杀风险"], ["低自杀风险"], group=f"g{i // 2}",
            text_sha256=hashlib.sha256(post(i).encode()).hexdigest(),
            evidence=[{"start": 0, "end": 3, "label": None}], gold_evidence=[{"start": 4, "end": 8, "label": None}],
            explanation=f"解释{i}：日子照常（{'甲' if model == 'a' else '乙'}）",
            gold_explanation=f"参考{i}：没有求死的话",
            **({"text": post(i)} if keep else {}), **more,
        )
        for i in range(count)
    ]  # fmt: skip
    digest = hashlib.sha256(data.read_bytes()).hexdigest()
    return write_run(folder, "suicide_risk", samples, model, file=data.name, sha256=digest)


def filled(path: Path, name: str, cell: Cell) -> Path:
    """A copy of a sheet as a rater sends it back; ``cell(number, aspect)`` gives what is written."""
    book = load_workbook(path)
    sheet = book[RATINGS]
    heads = {head.value: head.column for head in sheet[1]}
    for row in range(2, sheet.max_row + 1):
        number = int(sheet.cell(row, heads[NUMBER]).value)
        for place, aspect in enumerate(ASPECTS):
            sheet.cell(row, heads[aspect.column]).value = cell(number, place)
    target = path.with_name(f"{name}.xlsx")
    book.save(target)
    return target


def key_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
