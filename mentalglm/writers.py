"""How results are written: JSON lines for programs, CSV and workbooks for spreadsheets, text for people."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from mentalglm.analysis import Analysis, Faithfulness, RowError
from mentalglm.result_tables import Layout, neutral_cell, table_head, table_rows
from mentalglm.result_tables import display_of as display_of
from mentalglm.tasks import load_task
from mentalglm.workbook import write_workbook

_WORDS = {
    "zh": {"row": "第 {} 行", "evidence": "依据", "none": "无", "reason": "理由", "conflict": "相互矛盾",
           "error": "出错", "unparsed": "回答无法解读：不能得出任何结论，尤其不等于“没有风险”", "no_label": "未见",
           "open": "未作判断，可能是：", "faithful": "依据可信度",
           "without": "去掉依据后概率下降 {:.2f}", "alone": "只留依据时下降 {:.2f}", "disagrees": "解释与标签不符"},
    "en": {"row": "row {}", "evidence": "evidence", "none": "none", "reason": "reason", "conflict": "conflict",
           "unparsed": "the answer could not be read: nothing follows from it, least of all \"no risk\"",
           "error": "error", "no_label": "none found", "open": "not decided; possible: ", "faithful": "faithfulness",
           "without": "without the evidence the probability falls by {:.2f}",
           "alone": "with the evidence alone by {:.2f}", "disagrees": "the explanation disagrees with the label"},
}  # fmt: skip


class JsonLines:
    """One Analysis or row error a line; ``row`` stands in every line of a file."""

    def __init__(self, file: IO[str], layout: Layout) -> None:
        self.file = file

    def write(self, row: int | None, results: Sequence[Analysis | RowError], cells: Sequence[str] = ()) -> None:
        """Writes the results of one row."""
        for result in results:
            data = result.model_dump()
            if row is not None:
                data = {"row": row, **data}
            self.file.write(json_line(data) + "\n")


class Csv:
    """One line per row and task, safe to open in a spreadsheet program."""

    def __init__(self, file: IO[str], layout: Layout) -> None:
        self.writer, self.layout = csv.writer(file), layout
        if layout.at_start:
            self.writer.writerow(map(neutral_cell, table_head(layout.columns, layout.post, layout.faithfulness)))

    def write(self, row: int | None, results: Sequence[Analysis | RowError], cells: Sequence[str] = ()) -> None:
        """Writes the results of one row."""
        for line in table_rows(row, results, cells, self.layout):
            self.writer.writerow(map(neutral_cell, line))


class SheetLines:
    """The lines that :func:`sheet_to_workbook` makes a workbook of: a list of cells each, the head first."""

    def __init__(self, file: IO[str], layout: Layout) -> None:
        self.file, self.layout = file, layout
        if layout.at_start:
            self.file.write(json_line(table_head(layout.columns, layout.post, layout.faithfulness)) + "\n")

    def write(self, row: int | None, results: Sequence[Analysis | RowError], cells: Sequence[str] = ()) -> None:
        """Writes the results of one row."""
        for line in table_rows(row, results, cells, self.layout):
            self.file.write(json_line(line) + "\n")


def sheet_to_workbook(lines: Path, book: Path, title: str) -> None:
    """Makes a workbook of what :class:`SheetLines` wrote."""
    with lines.open(encoding="utf-8", newline="\n") as file:
        rows = map(json.loads, file)
        write_workbook(book, title, next(rows), rows)


class Text:
    """For people: each post, then each task with label, probability, evidence and explanation."""

    def __init__(self, file: IO[str], layout: Layout) -> None:
        from rich.console import Console

        self.console = Console(file=file, highlight=False, soft_wrap=True)
        self.lang, self.words = layout.lang, _WORDS[layout.lang]

    def write(self, row: int | None, results: Sequence[Analysis | RowError], cells: Sequence[str] = ()) -> None:
        """Writes the results of one row."""
        from rich.text import Text as Styled

        first = results[0]
        title = Styled("" if row is None else self.words["row"].format(row) + "  ", style="dim")
        if isinstance(first, RowError):
            self.console.print(title + Styled(f"{self.words['error']}  {first.error.message}\n", style="red"))
            return
        self.console.print(title + Styled(printable(first.text), style="bold"))
        for result in results:
            if isinstance(result, Analysis):
                self._write_answer(result)
        self.console.print()

    def _write_answer(self, result: Analysis) -> None:
        from rich.text import Text as Styled

        task = load_task(result.task)
        head = Styled("  ") + Styled(getattr(task.title, self.lang), style="cyan") + "  "
        if not result.parsed:
            self.console.print(head + Styled(self.words["unparsed"], style="yellow"))
            return
        style = {"urgent": "bold red", "wish": "yellow"}.get(result.crisis or "", "")
        self.console.print(head + Styled(self._labels(result), style=style))
        # An answer that ran into the length limit may have evidence and no explanation.
        if result.explanation is not None or result.evidence:
            quotes = "；".join(
                (display_of(result.task, span.label, self.lang) if span.label else "") + f"「{span.text}」"
                for span in result.evidence
            )
            none = self.words["none"]
            for name, value in (("evidence", quotes or none), ("reason", result.explanation or none)):
                self.console.print(Styled(f"    {self.words[name]}  ", style="dim") + printable(value))
        if result.faithfulness is not None and (told := self._faithfulness(result.faithfulness)):
            self.console.print(Styled(f"    {self.words['faithful']}  ", style="dim") + told)
        for conflict in result.conflicts:
            self.console.print(Styled(f"    {self.words['conflict']}  {conflict}", style="yellow"))

    def _faithfulness(self, found: Faithfulness) -> str:
        drops = (("without", found.comprehensiveness), ("alone", found.sufficiency))
        told = [self.words[name].format(drop) for name, drop in drops if drop is not None]
        if found.agrees is False:
            told.append(self.words["disagrees"])
        return ("，" if self.lang == "zh" else ", ").join(told)

    def _labels(self, result: Analysis) -> str:
        said = [self._shown(result, result.labels)] if result.labels else []
        if result.abstained:
            said.append(self.words["open"] + self._shown(result, result.candidates))
        return "；".join(said) or self.words["no_label"]

    def _shown(self, result: Analysis, names: Sequence[str]) -> str:
        shown = []
        for name in names:
            p = result.probabilities[name]
            shown.append(display_of(result.task, name, self.lang) + ("" if p is None else f" {p:.2f}"))
        return "、".join(shown)


WRITERS: dict[str, Any] = {"text": Text, "json": JsonLines, "csv": Csv, "xlsx": SheetLines}


def json_line(data: Any) -> str:
    """JSON on one line whatever reads it: the line separators that JSON allows raw are escaped."""
    text = json.dumps(data, ensure_ascii=False)
    for character in "\u0085\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def printable(text: str) -> str:
    """``text`` on one line, control characters shown as spaces: a post must not move the terminal's cursor."""
    return "".join(character if character.isprintable() else " " for character in text)
