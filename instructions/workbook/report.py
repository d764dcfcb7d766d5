"""Writes agreement statistics: JSON for programs, Markdown in Chinese and English for people."""

import dataclasses
import json
import math
from typing import Any

from instructions.workbook.statistics import TaskAgreement
from mentalglm.agreement import Estimate
from mentalglm.tasks import load_task

_HOW = (
    "κ：两位标注者用 Cohen's kappa，三位及以上用 Fleiss' kappa（只算所有人都标注了的帖子）；α：Krippendorff's alpha"
    "（允许漏标）。方括号内是 95 % 自助法区间（对帖子重抽样）。“—”表示数据不足以定义该值，例如没有人给过这个标签。"
    "一致不等于正确。",
    "κ is Cohen's kappa of two annotators and Fleiss' kappa of more, over the posts that all of them labelled; α is "
    "Krippendorff's alpha, which allows gaps. Brackets hold 95 % bootstrap intervals over posts. A dash stands where "
    "the data cannot define a value, such as a label that nobody gave. Agreement is not correctness.",
)


def as_json(name: str, tasks: list[TaskAgreement]) -> str:
    """The statistics as JSON; what is undefined is null."""
    data = {"workbook": name, "tasks": [dataclasses.asdict(task) for task in tasks]}
    return json.dumps(_finite(data), ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def as_markdown(name: str, tasks: list[TaskAgreement]) -> str:
    """The statistics as a page in both languages."""
    parts = [f"# 标注一致性 / Agreement: {name}", *_HOW]
    for task in tasks:
        parts += _section(task)
    return "\n\n".join(parts) + "\n"


def one_line(task: TaskAgreement) -> str:
    """The statistics of one task in one line."""
    if not task.measures:
        return f"{task.task}: {task.posts} posts; agreement needs two annotators"
    measures = ", ".join(f"{what} {_shown(found)}" for what, found in task.measures.items())
    return f"{task.task}: {task.identical} of {task.shared} posts have identical answers; {measures}"


def _section(task: TaskAgreement) -> list[str]:
    title = load_task(task.task).title
    people = "、".join(task.annotators) or "—"
    counts = [
        ("帖子 posts", task.posts),
        *((f"{person} 标注 labelled", n) for person, n in task.labelled.items()),
        ("至少两人标注 labelled by two or more", task.shared),
        ("答案完全相同 identical answers", task.identical),
        ("有分歧、已裁定 disputed, decided", task.decided),
        ("有分歧、待裁定 disputed, open", task.disputed),
        *((f"无法读取 unreadable: {why}", n) for why, n in task.unread.items()),
    ]
    parts = [
        f"## {title.zh} / {title.en} (`{task.task}`)",
        f"工作表 Sheets: {'、'.join(task.sheets)}。标注者 Annotators: {people}",
        _table(["", "n"], [[what, f"{n:,}"] for what, n in counts]),
    ]
    if task.measures:
        rows = [[what, _shown(found), f"{found.n:,}"] for what, found in task.measures.items()]
        parts.append(_table(["整体 overall", "值 value [95 %]", "n"], rows))
    if task.labels:
        head = ["标签 label", *task.annotators, "κ [95 %]", "α [95 %]", "n"]
        rows = [
            [
                part.label,
                *(f"{n:,}" for n in part.marked.values()),
                _shown(part.kappa),
                _shown(part.alpha),
                f"{part.alpha.n:,}",
            ]
            for part in task.labels
        ]
        parts.append(_table(head, rows))
    return parts


def _shown(found: Estimate) -> str:
    if math.isnan(found.value):
        return "—"
    interval = "" if math.isnan(found.low) else f" [{found.low:.2f}, {found.high:.2f}]"
    return f"{found.value:.2f}{interval}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
