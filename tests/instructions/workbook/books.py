"""Invented workbooks, laid out the way labs lay them out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openpyxl import Workbook

OPENINGS = ["今天又", "昨晚一直", "最近总是", "刚才突然", "开会时"]
MIDDLES = ["觉得很累", "睡不着", "想起那件事", "不想说话", "被人批评"]
ENDINGS = ["，肯定没人喜欢我", "，还好有朋友在", "，以后也不会好", "，算了吧"]
POSTS = [f"{a}{b}{c}" for a in OPENINGS for b in MIDDLES for c in ENDINGS]

Rows = Sequence[Sequence[Any]]


def save(path: Path, sheets: dict[str, Rows], merged: dict[str, Sequence[str]] | None = None) -> Path:
    """Writes sheets as rows of cells; ``merged`` names cell ranges per sheet."""
    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
        for cells in (merged or {}).get(name, ()):
            sheet.merge_cells(cells)
    book.save(path)
    return path


def risk(number: int, other: bool = False) -> str:
    """A risk label for the post ``number``; the second annotator differs on every seventh."""
    high = number % 3 == 0
    return "高自杀风险" if high != (other and number % 7 == 0) else "低自杀风险"


def two_annotators(path: Path) -> Path:
    """A title above the header, two annotators, an adjudication column with blanks, an extra column, a codebook."""
    rows: list[list[Any]] = [
        ["微博自杀风险标注表（内部）", *[None] * 6],
        ["序号", "微博内容", "用户ID", "标注员1", "标注员2", "裁定", "点赞数"],
    ]
    for number, post in enumerate(POSTS[:40]):
        a, b = risk(number), risk(number, other=True)
        final = a if a == b or number == 7 else None
        rows.append([number + 1, post, f"u{number % 13}", a, b, final, number * 3])
    codebook = [["标签", "定义"], ["高自杀风险", "文字中出现计划或准备"], ["低自杀风险", "没有计划或准备"]]
    return save(path, {"标注": rows, "标签说明": codebook}, {"标注": ["A1:G1"]})


def listed(number: int, other: bool = False) -> str | None:
    """Distortions of the post ``number`` as one cell, written in several ways."""
    first = ["读心术、先知错误", "无", "乱贴标签", "读心术；放大", "应该式陈述"][number % 5]
    if other:
        return None if number > 25 else ["读心术", "无", "乱贴标签", "放大, 读心术", "应该式"][number % 5]
    return first


def lists_on_two_sheets(path: Path) -> Path:
    """Two sheets of one layout, 、-lists, the second annotator stopped half way."""
    head = ["帖子", "甲的标签", "乙的标签", "理由", "备注"]
    rows = [[post, listed(n), listed(n, True), f"因为这里写到了第{n}种想法", None] for n, post in enumerate(POSTS[:30])]
    return save(path, {"一月": [head, *rows[:15]], "二月": [head, *rows[15:]], "汇总": [["合计", 30]]})


def ticks_in_two_header_rows(path: Path) -> Path:
    """Annotators in an upper header row, labels below, ticks of several kinds."""
    upper = ["编号", "原文", "张三", None, None, "李四", None, None]
    lower = [None, None, "读心术", "乱贴标签", "应该式", "读心术", "乱贴标签", "应该式"]
    rows: list[list[Any]] = []
    for n, post in enumerate(POSTS[:40]):
        zhang = ["√" if n % 2 == 0 else None, "√" if n % 3 == 0 else None, None if n % 5 else "√"]
        li = [1 if n % 2 == 0 else 0, 1 if n % 4 == 0 else 0, 0 if n % 5 else 1]
        rows.append([n, post, *zhang, *li])
    return save(path, {"数据": [upper, lower, *rows]}, {"数据": ["A1:A2", "B1:B2", "C1:E1", "F1:H1"]})


def new_labels(path: Path) -> Path:
    """English posts with labels that no task knows, three raters."""
    words = ["hopeful", "lonely", "angry"]
    rows = [
        [f"I walked home and it was day number {n} again", words[n % 3], words[(n + (n % 6 == 0)) % 3], words[n % 3]]
        for n in range(36)
    ]
    return save(path, {"Sheet1": [["Post", "Rater A", "Rater B", "Rater C"], *rows]})
