"""Writes the review workbook, and beside it the key that says which row is which record."""

import hashlib
import json
from pathlib import Path
from typing import Any

from instructions.explain.rows import require_tasks
from instructions.records import Record, read_records
from instructions.review.sample import draw
from instructions.write import make_folder
from instructions.write import write_text as write_file
from mentalglm.errors import UserError
from mentalglm.personal_data import mask
from mentalglm.prompt import render_turns
from mentalglm.rating.aspects import ANCHORS, ASPECTS, RULES, WHAT_TO_DO
from mentalglm.rating.cells import offer_scale
from mentalglm.tasks import load_task
from mentalglm.worksheet import write_rows, write_text
from mentalglm.writers import display_of

RATINGS, GUIDE = "评分 ratings", "说明 instructions"
NUMBER, COMMENT, REVIEW = "编号 no.", "备注 comment", "评审 review"
_SHOWN = ("任务 task", "帖子 post", "标签 labels", "依据 evidence", "解释 explanation")
_WIDTHS = (8, 18, 52, 24, 34, 52)
_LABELS = (
    "标签由人给定。请评解释，不评标签；不同意标签时请写在备注里。",
    "The labels were given. Rate the explanation, not the label; where you disagree with a label, comment on it.",
)


def export_review(path: Path, out: Path, count: int, seed: int, by: str) -> int:
    """Draws explained records and writes ``out`` and ``OUT.key.json``.

    Args:
        path: The records.
        out: The workbook; the experts get a copy each.
        count: How many rows.
        seed: Decides which, and their order.
        by: Whose explanations: ``llm``, ``human`` or ``all``.

    Returns:
        How many rows were drawn.

    Raises:
        UserError: There is none.
    """
    records = [record for _, record in read_records(path) if isinstance(record, Record)]
    require_tasks(records)
    records = [one for one in records if one.explanation is not None]
    wanted = [one for one in records if by in ("all", one.explanation_by)]
    if not wanted:
        raise UserError(f"{path}: no record with an explanation by {by!r}; see --by")
    drawn = draw(wanted, count, seed)
    ids = json.dumps([one.id for one in drawn], ensure_ascii=False)
    review = hashlib.sha256(f"{seed}:{ids}".encode()).hexdigest()[:12]
    _write_book(out, drawn, review)
    rows = [
        {"no": number, "id": one.id, "task": one.task, "labels": one.labels, "explanation_by": one.explanation_by,
         "explained_by": one.meta.get("explained_by")}
        for number, one in enumerate(drawn, 1)
    ]  # fmt: skip
    key = {"review": review, "records": path.name, "seed": seed, "rows": rows}
    write_file(key_path(out), json.dumps(key, ensure_ascii=False, indent=1) + "\n")
    return len(drawn)


def key_path(out: Path) -> Path:
    """Where the key of a review workbook lies."""
    return out.with_name(f"{out.stem}.key.json")


def _write_book(out: Path, drawn: list[Record], review: str) -> None:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = RATINGS
    header = [NUMBER, *_SHOWN, *(aspect.column for aspect in ASPECTS), COMMENT]
    blank = [""] * (len(ASPECTS) + 1)
    rows = [[str(number), *_cells(record), *blank] for number, record in enumerate(drawn, 1)]
    write_rows(sheet, header, rows, [*_WIDTHS, *[16] * len(ASPECTS), 30])
    for number in range(2, len(rows) + 2):
        sheet.cell(number, 1).value = number - 1
    sheet.freeze_panes = "B2"
    offer_scale(sheet, len(_SHOWN) + 2, len(rows) + 1)
    _write_help(book.create_sheet(GUIDE, 0), review)
    book.active = 0
    make_folder(out.parent)
    try:
        book.save(out)
    except OSError as error:
        raise UserError(f"{out}: cannot be written ({error.strerror}); choose another --out") from None


def _write_help(sheet: Any, review: str) -> None:
    lines = [(f"{aspect.zh[0]}：{aspect.zh[1]}", f"{aspect.en[0]}: {aspect.en[1]}") for aspect in ASPECTS]
    lines += [(f"{score} = {zh}", f"{score} = {en}") for score, zh, en in ANCHORS]
    write_rows(
        sheet, ["说明", "Instructions"], [list(line) for line in (WHAT_TO_DO, _LABELS, *RULES, *lines)], [64, 72]
    )
    last = sheet.max_row + 2
    write_text(sheet.cell(last, 1), REVIEW)
    write_text(sheet.cell(last, 2), review)
    sheet.auto_filter.ref = None


def _cells(record: Record) -> list[str]:
    """What an expert sees of a record: nothing of where it is from or who explained it; personal data is masked."""
    task = load_task(record.task)
    turns = [turn.model_dump() for turn in record.turns or []]
    text = record.text if record.text is not None else render_turns(turns)
    quotes = [
        (f"{span.label}：" if span.label else "") + f"「{(record.text or '')[span.start : span.end]}」"
        for span in record.evidence
    ]
    labels = "\n".join(display_of(record.task, name, "zh" if task.language == "zh" else "en") for name in record.labels)
    title = task.title.zh if task.language == "zh" else task.title.en
    shown = [title, text, labels or "无 none", "\n".join(quotes), record.explanation or ""]
    return [mask(cell).text for cell in shown]
