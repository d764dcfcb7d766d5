"""Writes the rating sheets: one for every rater, each in an order of its own, none saying whose explanation it is."""

import hashlib
import json
import random
from dataclasses import dataclass
from pathlib import Path

from eval.experts.drawn import Explained, draw
from eval.experts.key import fingerprint, write_private
from eval.experts.runs import read_runs
from eval.experts.workbook import workbook
from mentalglm.errors import UserError
from mentalglm.personal_data import mask
from mentalglm.result_tables import display_of
from mentalglm.tasks import load_task
from mentalglm.worksheet import cell_text


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        sheets: One file per rater.
        key: The key's file.
        rows: How many explanations each sheet holds.
        posts: By task, as :func:`eval.experts.drawn.draw` counts them.
    """

    sheets: list[Path]
    key: Path
    rows: int
    posts: dict[str, dict[str, int]]


def write_sheets(
    folders: list[Path],
    out: Path,
    *,
    count: int = 35,
    raters: int = 2,
    seed: int = 0,
    tasks: list[str] | None = None,
    data: Path | None = None,
    gold: bool = False,
) -> Written:
    """Draws explanations and writes a sheet per rater, and the key beside them.

    Args:
        folders: The runs.
        out: The sheet; ``NAME-1.xlsx``, ``NAME-2.xlsx`` … for several raters. The key is ``NAME.key.json``.
        count: How many posts of each task.
        raters: How many sheets.
        seed: Draws the posts, and the order of each sheet.
        tasks: See :func:`eval.experts.drawn.draw`.
        data: See :func:`eval.experts.drawn.draw`.
        gold: See :func:`eval.experts.drawn.draw`.

    Raises:
        UserError: Nothing can be drawn, or a file is there already.
    """
    if out.suffix.lower() != ".xlsx":
        raise UserError(f"--out {str(out)!r} must end in .xlsx")
    sheets = [out.with_name(f"{out.stem}-{rater}.xlsx") for rater in range(1, raters + 1)] if raters > 1 else [out]
    key_file = out.with_name(f"{out.stem}.key.json")
    for path in (*sheets, key_file):
        if path.exists():
            raise UserError(f"{path} exists, and may hold ratings; name another file with --out")
    runs = read_runs(folders)
    rows, posts = draw(runs, count, seed, tasks=tasks, data=data, gold=gold)
    random.Random(seed).shuffle(rows)
    cells = [_cells(row) for row in rows]
    named = [
        {"no": number, "source": row.source, "task": row.task, "id": row.id, "group": row.group, "labels": row.labels,
         "explanation": fingerprint(said[-1])}
        for number, (row, said) in enumerate(zip(rows, cells, strict=True), 1)
    ]  # fmt: skip
    review = hashlib.sha256(json.dumps([seed, named], ensure_ascii=False).encode()).hexdigest()[:12]
    for rater, path in enumerate(sheets):
        order = list(range(len(rows)))
        if rater:
            random.Random(f"{seed}:{rater}").shuffle(order)
        write_private(path, workbook([(place + 1, cells[place]) for place in order], review))
    key = {
        "review": review, "seed": seed, "sheets": [path.name for path in sheets], "gold": gold, "posts": posts,
        "runs": [run.about() for run in runs], "rows": named,
    }  # fmt: skip
    write_private(key_file, (json.dumps(key, ensure_ascii=False, indent=1) + "\n").encode())
    return Written(sheets, key_file, len(rows), posts)


def _cells(row: Explained) -> list[str]:
    """What a rater sees, personal data masked; nothing of the run or the row's place in its file."""
    task = load_task(row.task)
    language = "zh" if task.language == "zh" else "en"
    labels = "\n".join(display_of(row.task, name, language) for name in row.labels)
    title = task.title.zh if language == "zh" else task.title.en
    shown = [title, row.post, labels or "无 none", "\n".join(row.evidence), row.explanation]
    return [cell_text(mask(cell).text) for cell in shown]
