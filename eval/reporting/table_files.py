"""Tables as Markdown, LaTeX (booktabs) and CSV; published figures stand apart in each."""

import csv
import io
import re
from itertools import groupby
from pathlib import Path

from eval.reporting.paper import Paper
from eval.reporting.paper_tables import Cell, Score, Table, Words
from eval.reporting.runs import written
from mentalglm.errors import UserError
from mentalglm.result_tables import neutral_cell

DAGGER = "†"
PAPER = "paper.md"
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "<": "$<$",
}
_LATEX |= {character: "\\" + character for character in "&%$#_{}"} | {"†": r"$^\dagger$", "−": "$-$", "κ": r"$\kappa$"}
_HEAD = r"""% \usepackage{booktabs,xcolor,graphicx}; Chinese labels need XeLaTeX or LuaLaTeX with \usepackage{ctex}.
% Values with 95% intervals. Grey rows with a dagger were published by others: other set-up, perhaps other posts.
"""
_NOTES = {
    "zh": f"{DAGGER} 发表的数字：做法不同，帖子也可能不同；不参与任何检验。",
    "en": f"{DAGGER} Published by others: other set-up, perhaps other posts; in no test.",
}


def write_tables(tables: list[Table], paper: Paper | None, folder: Path, lang: str) -> None:
    """Writes ``scores.md``, ``scores.tex``, ``scores.csv`` and so on: one file per kind of table and format.

    Args:
        tables: The tables.
        paper: What a paper tells besides, into ``paper.md``.
        folder: The folder, made where it is missing.
        lang: ``en`` or ``zh``.

    Raises:
        UserError: The folder cannot be written.
    """
    files = {PAPER: _paper(paper, lang)} if paper else {}
    for key, group in groupby(sorted(tables, key=lambda table: table.key), key=lambda table: table.key):
        same = list(group)
        files[f"{key}.md"] = "\n".join(_markdown(table, lang) for table in same)
        files[f"{key}.tex"] = _HEAD + "\n" + "\n".join(_latex(table, lang) for table in same)
        files[f"{key}.csv"] = _csv(same, lang)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            # Spreadsheet programs know UTF-8 by its mark.
            (folder / name).write_text(text, encoding="utf-8-sig" if name.endswith(".csv") else "utf-8", newline="\n")
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error.strerror}); name another folder with --tables") from None


def _markdown(table: Table, lang: str) -> str:
    def line(cells: list[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    words = [" --- " if i < table.facts else " ---: " for i in range(len(table.head))]
    lines = [f"## {_title(table, lang)}", "", line([_say(name, lang) for name in table.head]), f"|{'|'.join(words)}|"]
    for i, row in enumerate(table.rows):
        cells = [_shown(cell, lang) for cell in row]
        lines.append(
            line(
                [f"*{cells[0]}* {DAGGER}", *(f"*{x}*" if x else "" for x in cells[1:])]
                if i in table.published
                else cells
            )
        )
    sources = dict.fromkeys(table.published.values())
    return "\n".join([*lines, *(["", f"{_NOTES[lang]} {'; '.join(sources)}"] if sources else []), ""])


def _latex(table: Table, lang: str) -> str:
    columns = "l" * table.facts + "r" * (len(table.head) - table.facts)
    label = f"tab:{table.key}-{table.task.name}".replace("_", "-")
    sources = dict.fromkeys(table.published.values())
    note = f". {_NOTES[lang]} {'; '.join(sources)}" if sources else ""
    lines = [
        r"\begin{table}[t]",
        r"\centering",
        rf"\caption{{{_tex(_title(table, lang) + note)}}}",
        rf"\label{{{label}}}",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(_tex(_say(name, lang)) for name in table.head) + r" \\",
        r"\midrule",
    ]
    for i, row in enumerate(table.rows):
        cells = [_tex_cell(cell, lang) for cell in row]
        if i in table.published:
            if i - 1 not in table.published:
                lines.append(r"\midrule")
            cells = [
                rf"\textcolor{{gray}}{{{cell}{_tex(DAGGER) if place == 0 else ''}}}" if cell else ""
                for place, cell in enumerate(cells)
            ]
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}}", r"\end{table}", ""])


def _csv(tables: list[Table], lang: str) -> str:
    """One line per number, so that any program can pivot it."""
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\r\n")
    writer.writerow(
        ["task", "table", "row", "at", "column", "value", "low", "high", "bca_low", "bca_high", "published"]
    )
    for table in tables:
        for i, row in enumerate(table.rows):
            facts = [_shown(cell, lang) for cell in row[: table.facts]]
            for name, cell in zip(table.head[table.facts :], row[table.facts :], strict=True):
                if isinstance(cell, Score):
                    ends = [cell.score.get(key) for key in ("value", "low", "high")]
                    numbers = [*ends, *(cell.score.get("bca") or (None, None))]
                    words = [
                        table.task.name,
                        _say(table.caption, lang),
                        *facts,
                        *[""] * (2 - table.facts),
                        _say(name, lang),
                    ]
                    writer.writerow(
                        [
                            *map(neutral_cell, words),
                            *("" if x is None else x for x in numbers),
                            table.published.get(i, ""),
                        ]
                    )
    return made.getvalue()


def _paper(paper: Paper, lang: str) -> str:
    lines = []
    for part in paper:
        lines += [f"## {_say(part.title, lang)}", ""]
        for item in part.items:
            asks = _say(item.asks, lang)
            lines.append(f"- [x] **{asks}**" if item.answers else f"- [ ] **{asks}**: ____")
            for of, told in item.answers:
                name = _say(of, lang)
                lines.append(f"  - {name + ': ' if name else ''}{_say(told, lang)}")
        lines.append("")
    return "\n".join(lines)


def _title(table: Table, lang: str) -> str:
    return f"{_say(table.task.title, lang)}: {_say(table.caption, lang)}"


def _say(words: Words, lang: str) -> str:
    return words if isinstance(words, str) else str(getattr(words, lang))


def _shown(cell: Cell, lang: str) -> str:
    if cell is None:
        return ""
    if not isinstance(cell, Score):
        return _say(cell, lang)
    value, low, high = (cell.score.get(key) for key in ("value", "low", "high"))
    if value is None:
        return "–"
    shown = written(value, cell.form)
    return shown if low is None or high is None else f"{shown} [{written(low, cell.form)}, {written(high, cell.form)}]"


def _tex_cell(cell: Cell, lang: str) -> str:
    shown = _shown(cell, lang)
    if not isinstance(cell, Score):
        return _tex(shown)
    value, _, interval = _tex(shown).replace("–", "--").partition(" ")
    return value + (rf" {{\scriptsize {interval}}}" if interval else "")


def _tex(text: str) -> str:
    return re.sub("|".join(map(re.escape, _LATEX)), lambda found: _LATEX[found.group()], text)
