"""The sheet on which disagreements are settled: disputed posts only, everybody's answer, a decision to fill in."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from instructions.sources.labels import Unlabelled, Unsaid
from instructions.workbook.answers import Item, TaskAnswers
from instructions.workbook.sheets import read_sheets, sheet_names
from mentalglm.errors import UserError
from mentalglm.worksheet import cell_text, write_rows, write_text

PLACE, POST, DECISION, NOTE = "位置 place", "帖子 post", "裁定 decision", "备注 note"
_NONE = "无"
_HELP = """
每张表是一个任务，只列出标注者有分歧、尚未裁定的帖子。
Each sheet is a task. It lists only posts on which annotators disagree and nobody has decided.
请在“裁定”列选择或填写标签；多个标签用“、”分开，都不符合填“无”；留空表示尚未裁定。
Choose or type the label under “decision”; separate several with 、 and write 无 where none applies. Blank means open.
请勿改动“位置”和“帖子”两列；可以排序和筛选。
Leave “place” and “post” as they are. Sorting and filtering do no harm.
填好后运行： python -m instructions import 原工作簿.xlsx --mapping mapping.yaml --adjudicated 本文件.xlsx
Then run: python -m instructions import WORKBOOK.xlsx --mapping mapping.yaml --adjudicated THIS_FILE.xlsx
""".strip().split("\n")
_WARNING = {
    True: "不在列表中；多个标签用“、”分开。Not in the list; separate several labels with 、",
    False: "请从列表中选择。Choose from the list.",
}


@dataclass
class Decisions:
    """What an adjudication sheet says.

    Attributes:
        by_task: Task -> place -> labels.
        faults: What could not be used, by sheet and row, never a text.
        open: How many rows were left blank.
    """

    by_task: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    open: int = 0


def write_adjudication(path: Path, tasks: list[TaskAnswers]) -> int:
    """Writes the sheet; nothing where nobody disagrees.

    Returns:
        How many decisions are asked for.
    """
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    counts: dict[str, int] = {}
    for answers in tasks:
        disputed = [item for item in answers.items if item.disputed]
        if not disputed:
            continue
        people, wide = answers.annotators, 26 if answers.task.many else 18
        sheet = book.create_sheet(_title(answers.task.name))
        counts[sheet.title] = len(disputed)
        rows = [[item.key, item.text, *(_shown(item, person) for person in people), "", ""] for item in disputed]
        widths = [16, 64, *[wide] * len(people), wide + 4, 24]
        write_rows(sheet, [PLACE, POST, *people, DECISION, NOTE], rows, widths, to_fill=DECISION)
        sheet.freeze_panes = "C2"
        _offer(book, sheet, len(people) + 3, answers, disputed)
    if counts:
        _explain(book, counts)
        book.save(path)
    return sum(counts.values())


def read_decisions(path: Path, tasks: list[TaskAnswers]) -> Decisions:
    """Reads a sheet that was filled in.

    Raises:
        UserError: The file is no adjudication sheet of these tasks.
    """
    known = {_title(answers.task.name): answers for answers in tasks}
    sheets, _ = read_sheets(path, dict.fromkeys([name for name in sheet_names(path) if name in known], 1))
    ours = [sheet for sheet in sheets if {PLACE, POST, DECISION} <= set(sheet.columns)]
    if not ours:
        needed = f"the columns {PLACE}, {POST}, {DECISION}"
        raise UserError(f"{path}: no sheet of the mapping's tasks has {needed}; give the file that import wrote")
    found = Decisions()
    for sheet in ours:
        answers = known[sheet.name]
        items = {item.key: item for item in answers.items}
        reader = answers.reader(DECISION)
        decided = found.by_task.setdefault(answers.task.name, {})
        for row in sheet.rows:
            place = f"{path.name}, sheet {sheet.name}, row {row.number}"
            item = items.get(row.cells[PLACE])
            try:
                labels = reader.read(row.cells)
            except Unsaid:
                found.open += bool(row.cells[PLACE])
                continue
            except Unlabelled as error:
                found.faults.append(f"{place}: {error}")
                continue
            if item is None or cell_text(item.text).split() != row.cells[POST].split():
                found.faults.append(f"{place}: the post at its place in the workbook is another one")
            elif labels is not None:
                decided[item.key] = labels.names
    return found


def filled_in(path: Path) -> int:
    """How many decisions somebody has written into an adjudication sheet; 0 where the file is not there."""
    if not path.is_file():
        return 0
    sheets, _ = read_sheets(path, dict.fromkeys(sheet_names(path), 1))
    return sum(bool(row.cells.get(DECISION)) for sheet in sheets for row in sheet.rows)


def _offer(book: Any, sheet: Any, column: int, answers: TaskAnswers, disputed: list[Item]) -> None:
    """A drop-down under every decision: the task's labels or, where there may be several, what the answers suggest.

    What it offers stands on a hidden sheet, of a short name: a rule may hold 255 characters. Suggestions are looked up
    by the row's place, so sorting does no harm.
    """
    from openpyxl.utils import get_column_letter, quote_sheetname
    from openpyxl.worksheet.datavalidation import DataValidation

    many, choices = answers.task.many, book.create_sheet(f"choices{len(book.sheetnames)}")
    choices.sheet_state = "hidden"
    there = quote_sheetname(choices.title)
    if many:
        for row, item in enumerate(disputed, 1):
            options = _suggestions(item, answers)
            for place, cell in enumerate([item.key, str(len(options)), *options], 1):
                write_text(choices.cell(row, place), cell)
        row_of = f"MATCH($A2,{there}!$A:$A,0)"
        formula = f"OFFSET({there}!$C$1,{row_of}-1,0,1,VALUE(INDEX({there}!$B:$B,{row_of})))"
    else:
        for place, label in enumerate(answers.task.label_names, 1):
            write_text(choices.cell(1, place), label)
        formula = f"{there}!$A$1:${get_column_letter(len(answers.task.labels))}$1"
    rule = DataValidation(type="list", formula1=formula, allow_blank=True, showErrorMessage=True)
    # Any combination of labels may be right: other text is warned of and not forbidden.
    rule.errorStyle = "warning" if many else "stop"
    rule.errorTitle, rule.error = DECISION, _WARNING[many]
    sheet.add_data_validation(rule)
    rule.add(f"{get_column_letter(column)}2:{get_column_letter(column)}{len(disputed) + 1}")


def _suggestions(item: Item, answers: TaskAnswers) -> list[str]:
    """Every annotator's answer, what all of them gave, what any of them gave."""
    sets = [set(labels) for labels in item.by.values()]
    wanted = [*sets, set.intersection(*sets), set.union(*sets)]
    return list(dict.fromkeys(_joined([n for n in answers.task.label_names if n in labels]) for labels in wanted))


def _explain(book: Any, counts: dict[str, int]) -> None:
    sheet = book.create_sheet("说明 read me", 0)
    rows = [*zip(_HELP[::2], _HELP[1::2], strict=True)]
    rows += [(f"{title}：{n} 条", f"{title}: {n} posts") for title, n in counts.items()]
    write_rows(sheet, ["说明", "Read me"], rows, [70, 80])
    sheet.auto_filter.ref = None
    book.active = 0


def _shown(item: Item, person: str) -> str:
    return _joined(item.by[person]) if person in item.by else ""


def _joined(labels: list[str]) -> str:
    return "、".join(labels) or _NONE


def _title(task: str) -> str:
    return task[:31]
