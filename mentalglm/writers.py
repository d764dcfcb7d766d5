"""How results are written: JSON lines for programs, CSV for spreadsheets, text for people."""

import csv
import json
from collections.abc import Sequence
from typing import IO, Any

from mentalglm.analysis import Analysis, RowError
from mentalglm.tasks import load_task

_CSV_HEAD = [
    "row", "task", "text", "labels", "display", "probability", "evidence", "explanation", "crisis", "conflicts",
    "abstained", "candidates", "parsed", "error",
]  # fmt: skip
_WORDS = {
    "zh": {"row": "第 {} 行", "evidence": "依据", "none": "无", "reason": "理由", "conflict": "相互矛盾",
           "error": "出错", "unparsed": "回答无法解读：不能得出任何结论，尤其不等于“没有风险”", "no_label": "未见"},
    "en": {"row": "row {}", "evidence": "evidence", "none": "none", "reason": "reason", "conflict": "conflict",
           "unparsed": "the answer could not be read: nothing follows from it, least of all \"no risk\"",
           "error": "error", "no_label": "none found"},
}  # fmt: skip


class JsonLines:
    """One Analysis or row error a line; ``row`` stands in every line of a file."""

    def __init__(self, file: IO[str], tasks: Sequence[str], lang: str) -> None:
        self.file = file

    def write(self, row: int | None, results: Sequence[Analysis | RowError]) -> None:
        """Writes the results of one row."""
        for result in results:
            data = result.model_dump()
            if row is not None:
                data = {"row": row, **data}
            self.file.write(json_line(data) + "\n")
        self.file.flush()


class Csv:
    """One line per row and task, safe to open in a spreadsheet program."""

    def __init__(self, file: IO[str], tasks: Sequence[str], lang: str) -> None:
        self.writer = csv.writer(file)
        self.writer.writerow(_CSV_HEAD)
        self.lang = lang

    def write(self, row: int | None, results: Sequence[Analysis | RowError]) -> None:
        """Writes the results of one row."""
        for result in results:
            number = "" if row is None else row
            if isinstance(result, RowError):
                self.writer.writerow([number, result.task, *[""] * (len(_CSV_HEAD) - 3), result.error.message])
                continue
            chosen = [result.probabilities[label] for label in result.labels]
            cells = [
                result.text,
                "、".join(result.labels),
                "；".join(display_of(result.task, label, self.lang) for label in result.labels),
                "、".join("" if p is None else f"{p:.3f}" for p in chosen),
                "；".join((f"{span.label}：" if span.label else "") + span.text for span in result.evidence),
                result.explanation or "",
                result.crisis or "",
                "；".join(result.conflicts),
                str(result.abstained).lower(),
                "、".join(result.candidates),
                str(result.parsed).lower(),
                "",
            ]
            self.writer.writerow([number, result.task, *map(neutral_cell, cells)])


class Text:
    """For people: each post, then each task with label, probability, evidence and explanation."""

    def __init__(self, file: IO[str], tasks: Sequence[str], lang: str) -> None:
        from rich.console import Console

        self.console = Console(file=file, highlight=False, soft_wrap=True)
        self.lang, self.words = lang, _WORDS[lang]

    def write(self, row: int | None, results: Sequence[Analysis | RowError]) -> None:
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
        for conflict in result.conflicts:
            self.console.print(Styled(f"    {self.words['conflict']}  {conflict}", style="yellow"))

    def _labels(self, result: Analysis) -> str:
        if not result.labels:
            return self.words["no_label"]
        shown = []
        for name in result.labels:
            p = result.probabilities[name]
            shown.append(display_of(result.task, name, self.lang) + ("" if p is None else f" {p:.2f}"))
        return "、".join(shown)


WRITERS: dict[str, Any] = {"json": JsonLines, "csv": Csv, "text": Text}


def display_of(task: str, label: str, lang: str) -> str:
    """What people read for a label: its ``display`` where it has one, else its name."""
    display = load_task(task).label(label).display
    return str(getattr(display, lang)) if display else label


def json_line(data: dict[str, Any]) -> str:
    """JSON on one line whatever reads it: the line separators that JSON allows raw are escaped."""
    text = json.dumps(data, ensure_ascii=False)
    for character in "\u0085\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def neutral_cell(text: str) -> str:
    """A cell that no spreadsheet program takes for a formula."""
    # Excel with an East Asian input method may read the full-width signs as the plain ones.
    return "'" + text if text.startswith(tuple("=+-@＝＋－＠\t\r\n")) else text


def printable(text: str) -> str:
    """``text`` on one line, control characters shown as spaces: a post must not move the terminal's cursor."""
    return "".join(character if character.isprintable() else " " for character in text)
