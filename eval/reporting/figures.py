"""The report's figures as inline SVG: dots with intervals, bars per label, confusion matrices."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from eval.reporting.wording import GOLD, NO_ANSWER, PREDICTED
from mentalglm.tasks import Bilingual

# The page's own colours, which differ on light and on dark paper: report.css names them.
COLOURS = tuple(f"var(--run-{i})" for i in range(1, 7))
_REACHES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_SIZE, _WIDTH = 13, 920


@dataclass(frozen=True)
class Line:
    """One line of a figure: a name, a remark and one score per run, None where a run has no such score."""

    name: Bilingual
    remark: str
    scores: Sequence[dict[str, float | None] | None]


def dots(lines: list[Line]) -> str:
    """Scores as dots on a common axis from 0 to 1, each with its interval; one colour per run."""
    return _rows(lines, bars=False)


def bars(lines: list[Line]) -> str:
    """Scores as bars from 0 to 1, each with its interval as a whisker; one colour per run."""
    return _rows(lines, bars=True)


def differences(lines: list[Line], colour: str) -> str:
    """Differences as dots with intervals on an axis around 0, which is as wide as they need."""
    ends = [abs(x) for line in lines for s in line.scores if s for x in s.values() if x is not None]
    reach = next((each for each in _REACHES if each >= max(ends, default=0.0)), 1.0)
    return _rows(lines, bars=False, reach=reach, colours=(colour,))


def confusion(matrix: list[list[int]], labels: list[str], colour: str) -> str:
    """A confusion matrix: shaded by the share of the gold label's rows, the number of rows written in it."""
    columns = [Bilingual(zh=label, en=label) for label in labels]
    if any(row[-1] for row in matrix):
        columns.append(NO_ANSWER)
    widest = max(max(_width(column.zh), _width(column.en)) for column in columns)
    cell = 30.0 if len(labels) > 4 else min(max(widest, 44) + 14, 120)
    left = max(map(_width, labels)) + 14
    slanted = widest > cell - 4
    top = 34 + (0.72 * widest + 12 if slanted else 18)
    parts = [text(left, 14, GOLD, "muted"), text(left + 80, 14, PREDICTED, "muted")]
    for j, column in enumerate(columns):
        x = left + j * cell + cell / 2
        turn = f' transform="rotate(-45 {x:.1f} {top - 8:.1f})"' if slanted else ""
        parts.append(text(x, top - 8, column, "", "start" if slanted else "middle", turn))
    for i, row in enumerate(matrix):
        y = top + i * cell
        parts.append(text(left - 8, y + cell / 2 + 4, Bilingual(zh=labels[i], en=labels[i]), "", "end"))
        for j in range(len(columns)):
            share = row[j] / max(sum(row), 1)
            x = left + j * cell
            parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{cell - 2}" height="{cell - 2}" rx="3" class="cell"/>')
            parts.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{cell - 2}" height="{cell - 2}" rx="3"'
                f' style="fill:{colour};fill-opacity:{0.92 * share:.3f}"/>'
            )
            if row[j]:
                style = "on-dark" if share > 0.55 else ""
                number = Bilingual(zh=str(row[j]), en=str(row[j]))
                parts.append(text(x + cell / 2 - 1, y + cell / 2 + 4, number, style, "middle"))
    width = left + len(columns) * cell + (60 if slanted else 24)
    return svg(max(width, left + 190), top + len(matrix) * cell + 6, parts, fluid=False)


def _rows(lines: list[Line], bars: bool, reach: float | None = None, colours: Sequence[str] = COLOURS) -> str:
    runs = max(len(line.scores) for line in lines)
    step = 11 if bars else 13
    height = max(runs * step + (12 if bars else 14), 30)
    left = max(
        max(_width(line.name.zh), _width(line.name.en)) + _width(line.remark) + (40 if line.remark else 26)
        for line in lines
    )
    right = _WIDTH - 24
    low = 0.0 if bars else axis_start(lines)
    low, high, steps = (low, 1.0, 5) if reach is None else (-reach, reach, 4)

    def place(value: float) -> float:
        return left + (right - left) * (min(max(value, low), high) - low) / (high - low)

    bottom = height * len(lines) + 8
    parts = []
    for tick in (low + i * (high - low) / steps for i in range(steps + 1)):
        x, number = place(tick), f"{tick:.1f}" if reach is None else f"{tick:+.3g}".replace("-", "−") if tick else "0"
        style = "zero" if tick == 0 and low < 0 else "grid"
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{bottom}" class="{style}"/>')
        parts.append(text(x, bottom + 17, Bilingual(zh=number, en=number), "muted", "middle"))
    for i, line in enumerate(lines):
        middle = 6 + i * height + height / 2
        if i:
            parts.append(f'<line x1="0" x2="{right}" y1="{6 + i * height}" y2="{6 + i * height}" class="rule"/>')
        parts.append(text(0, middle + 4.5, line.name))
        if line.remark:
            remark = Bilingual(zh=line.remark, en=line.remark)
            parts.append(text(left - 14, middle + 4.5, remark, "muted", "end"))
        for run, score in enumerate(line.scores):
            y = middle + (run - (len(line.scores) - 1) / 2) * step
            parts += _mark(score, y, colours[run % len(colours)], place, bars)
    return svg(_WIDTH, bottom + 26, parts)


def _mark(score: dict[str, float | None] | None, y: float, colour: str, place: Any, bars: bool) -> list[str]:
    if score is None:
        return []
    if score["value"] is None:  # measured, but there was nothing to judge
        x = place(0) + 4
        return [f'<text x="{x:.1f}" y="{y + 4.5:.1f}" style="fill:{colour};font-weight:700">—</text>']
    x, least = place(score["value"]), place(0)
    parts = []
    if bars:
        size = f'x="{least:.1f}" y="{y - 4:.1f}" width="{max(x - least, 1):.1f}" height="8"'
        parts.append(f'<rect {size} rx="1.5" style="fill:{colour};fill-opacity:.6"/>')
    if score["low"] is not None and score["high"] is not None:
        ends = f'x1="{place(score["low"]):.1f}" x2="{place(score["high"]):.1f}" y1="{y:.1f}" y2="{y:.1f}"'
        line = "stroke:var(--ink);stroke-width:1.1" if bars else f"stroke:{colour};stroke-width:2.4;opacity:.6"
        parts.append(f'<line {ends} style="{line};stroke-linecap:round"/>')
    if not bars:
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.6" style="fill:{colour};stroke:var(--paper);stroke-width:1.2"/>'
        )
    return parts


def axis_start(lines: Sequence[Line]) -> float:
    """Where an axis up to 1 begins: at 0, or below it, since kappa can be negative."""
    ends = [s[key] for line in lines for s in line.scores if s for key in ("value", "low")]
    least = min((end for end in ends if end is not None), default=0.0)
    return 0.0 if least >= 0 else -1.0 if least < -0.5 else -0.5


def text(x: float, y: float, words: Bilingual, style: str = "", anchor: str = "start", turn: str = "") -> str:
    """Words in a figure, in both languages."""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{turn}'
    if words.zh == words.en:
        return f'<text {place} class="{style}">{escape(words.zh)}</text>'
    both = (("zh", words.zh), ("en", words.en))
    return "".join(f'<text {place} class="{lang} {style}">{escape(text)}</text>' for lang, text in both)


def _width(text: str) -> float:
    """About how wide a text is: a Chinese character fills a square, a Latin letter little more than half of it."""
    return sum(_SIZE if character > "\u2e7f" else 0.57 * _SIZE for character in text)


def svg(width: float, height: float, parts: list[str], fluid: bool = True) -> str:
    """A figure of its parts, as wide as the page or of its own size."""
    size = 'width="100%"' if fluid else f'width="{width:.0f}" height="{height:.0f}"'
    return f'<svg viewBox="0 0 {width:.0f} {height:.0f}" {size} role="img">{"".join(parts)}</svg>'
