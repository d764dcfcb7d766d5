"""The workbook of a rating sheet: how it looks, what it asks, which cells are filled in."""

from io import BytesIO
from typing import Any

from mentalglm.rating.aspects import ANCHORS, ASPECTS, RULES, WHAT_TO_DO
from mentalglm.rating.cells import offer_scale
from mentalglm.worksheet import write_rows, write_text

RATINGS, GUIDE = "评分 ratings", "说明 instructions"
NUMBER, EXPLANATION, COMMENT = "编号 no.", "解释 explanation", "备注 comment"
REVIEW, RATER, FILLED = "评审 review", "评分人 rater", "已填格数 cells filled"
_SHOWN = ("任务 task", "帖子 post", "标签 labels", "依据 evidence", EXPLANATION)
_WIDTHS = (7, 12, 42, 18, 24, 46)  # with the scores, a sheet is as wide as a common screen
_LABELS = (
    "标签由模型或人给出，不一定正确。请评解释是否支持所列的标签；不同意标签时请写在备注里。",
    "Labels were given by a model or a person and may be wrong. Rate how the explanation supports the labels it is "
    "given with; where you disagree with a label, comment on it.",
)
_TWICE = (
    "同一帖子会多次出现，解释各不相同，顺序是打乱的。请逐条独立评分，不必回头比较。",
    "A post comes several times, with different explanations and in random order. Rate each by itself; there is no "
    "need to go back and compare.",
)
_NAME = (
    "请在下面“评分人”右边填上你的代号，每位评分人各不相同。",
    "Please write a name or code of your own beside “rater” below.",
)


def workbook(rows: list[tuple[int, list[str]]], review: str) -> bytes:
    """A workbook to rate in.

    Args:
        rows: Every explanation's number and what is shown of it, cell by cell, in the order of the sheet.
        review: What the sheet and its key have in common.
    """
    from openpyxl import Workbook
    from openpyxl.styles import Alignment

    book = Workbook()
    sheet: Any = book.active
    sheet.title = RATINGS
    header = [NUMBER, *_SHOWN, *(aspect.column for aspect in ASPECTS), COMMENT]
    blank = [""] * (len(ASPECTS) + 1)
    lines = [[str(number), *cells, *blank] for number, cells in rows]
    write_rows(sheet, header, lines, [*_WIDTHS, *[15] * len(ASPECTS), 22])
    for place, (number, _) in enumerate(rows, 2):
        sheet.cell(place, 1).value = number
        sheet.cell(place, 1).alignment = Alignment(horizontal="center", vertical="top")
    first, last = len(_SHOWN) + 2, len(rows) + 1
    offer_scale(sheet, first, last)
    scores = f"{_letter(first)}2:{_letter(first + len(ASPECTS) - 1)}{last}"
    _style_scores(sheet, scores)
    sheet.freeze_panes, sheet.sheet_view.zoomScale = "B2", 100
    _one_page_wide(sheet)
    sheet.print_title_rows = "1:1"
    repeated = len({cells[1] for _, cells in rows}) < len(rows)
    _write_guide(book.create_sheet(GUIDE, 0), review, f"'{RATINGS}'!{scores}", len(rows) * len(ASPECTS), repeated)
    book.active = 0
    written = BytesIO()
    book.save(written)
    return written.getvalue()


def _style_scores(sheet: Any, cells: str) -> None:
    """Scores stand in the middle; a cell that is still blank is tinted."""
    from openpyxl.formatting.rule import FormulaRule
    from openpyxl.styles import Alignment, PatternFill

    for line in sheet[cells]:
        for cell in line:
            cell.alignment = Alignment(horizontal="center", vertical="top")
    corner = cells.partition(":")[0]
    tint = PatternFill("solid", start_color="FFF8DC", end_color="FFF8DC")
    sheet.conditional_formatting.add(cells, FormulaRule(formula=[f"ISBLANK({corner})"], fill=tint))


def _write_guide(sheet: Any, review: str, scores: str, count: int, repeated: bool) -> None:
    asked = [(f"{aspect.zh[0]}：{aspect.zh[1]}", f"{aspect.en[0]}: {aspect.en[1]}") for aspect in ASPECTS]
    anchors = [(f"{score} = {zh}", f"{score} = {en}") for score, zh, en in ANCHORS]
    lines = [WHAT_TO_DO, *asked, *anchors, _LABELS, *([_TWICE] if repeated else []), *RULES, _NAME]
    write_rows(sheet, ["说明", "Instructions"], [list(line) for line in lines], [64, 72])
    sheet.auto_filter.ref = None
    last = sheet.max_row + 2
    for row, name in enumerate((RATER, FILLED, REVIEW), last):
        write_text(sheet.cell(row, 1), name)
    _style_rater(sheet, last)
    _one_page_wide(sheet)
    sheet.cell(last + 1, 2).value = f'=COUNTA({scores})&" / {count}"'
    write_text(sheet.cell(last + 2, 2), review)


def _one_page_wide(sheet: Any) -> None:
    sheet.page_setup.orientation, sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = "landscape", 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True


def _style_rater(sheet: Any, row: int) -> None:
    from openpyxl.styles import Border, Font, PatternFill, Side

    line = Side(style="thin", color="33566B")
    cell = sheet.cell(row, 2)
    cell.fill = PatternFill("solid", fgColor="FFF8DC")
    cell.border = Border(left=line, right=line, top=line, bottom=line)
    for place in range(row, row + 3):
        sheet.cell(place, 1).font = Font(name="Calibri", bold=True)


def _letter(column: int) -> str:
    from openpyxl.utils import get_column_letter

    return str(get_column_letter(column))
