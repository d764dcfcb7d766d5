"""Figures for a paper: one confusion matrix per run, side by side."""

import textwrap
from typing import Any

from eval.reporting.figure_style import INK, PAGE, Words, colour_of, sheet
from eval.reporting.runs import Run
from eval.reporting.wording import GOLD_AXIS, MODEL_AXIS, NO_ANSWER
from mentalglm.plot_fonts import is_chinese
from mentalglm.tasks import Task

_LONG = 1.2  # inches; labels that are longer are numbered, and the columns have the numbers alone
_LETTER = 0.062  # inches that half a Chinese character takes


def plot_confusion(task: Task, runs: list[Run], words: Words) -> Any:
    """Gold labels as rows; shaded by the share of a row's posts, the number of posts written in it."""
    rows = [words.label(task, name) for name in task.label_names]
    matrices = [run.scores["confusion"] for run in runs]
    unanswered = any(row[-1] for matrix in matrices for row in matrix)
    heads = rows
    if max(map(_width, rows)) > _LONG:
        heads = [str(i) for i in range(1, len(rows) + 1)]
        rows = [f"{name}  {number}" for name, number in zip(rows, heads, strict=True)]
    columns = [*heads, words.say(NO_ANSWER)] if unanswered else heads
    widest = max(map(_width, columns))
    size = 0.25 if len(rows) > 5 else 0.5 if widest > 0.8 else max(0.5, widest + 0.12)
    slanted = widest > size
    panel = size * len(columns) + 0.25
    left = max(map(_width, rows)) + 0.4
    across = max(1, min(len(runs), int((PAGE - left) / panel)))
    down = -(-len(runs) // across)
    under = 0.75 * widest + 0.3 if slanted else 0.3
    figure = sheet(left + across * panel, 0.35 + down * (size * len(rows) + under + 0.45))
    panels = figure.subplots(down, across, squeeze=False, sharey=True).flat
    for axes in panels[len(runs) :]:
        axes.set_axis_off()
    for axes, run, matrix in zip(panels, runs, matrices, strict=False):
        _draw(axes, [row[: len(columns)] for row in matrix], colour_of(run))
        turn = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if slanted else {}
        axes.set_xticks(range(len(columns)), columns, **turn)
        axes.set_yticks(range(len(rows)), rows)
        axes.set_title(textwrap.fill(words.run(run), max(8, int(size * len(columns) / _LETTER))), fontsize=8)
        axes.set_xlabel(words.say(MODEL_AXIS))
        if axes.get_subplotspec().is_first_col():
            axes.set_ylabel(words.say(GOLD_AXIS))
    figure.suptitle(words.say(task.title), x=0.01, ha="left", fontsize=9)
    return figure


def _draw(axes: Any, matrix: list[list[int]], colour: str) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("run", ["#f4f5f7", colour])
    shares = [[n / max(sum(row), 1) for n in row] for row in matrix]
    across, down = ([i - 0.5 for i in range(n + 1)] for n in (len(shares[0]), len(shares)))
    axes.pcolormesh(across, down, shares, cmap=shades, vmin=0, vmax=1, edgecolors="white", linewidth=1)
    axes.set_aspect("equal")
    for i, row in enumerate(matrix):
        for j, n in enumerate(row):
            if n:
                ink = INK if _light(shades(shares[i][j])) else "white"
                axes.text(j, i, str(n), ha="center", va="center_baseline", fontsize=7, color=ink)
    axes.set_ylim(len(shares) - 0.5, -0.5)
    axes.tick_params(length=0, labelcolor=INK)
    axes.spines[:].set_visible(False)


def _light(shade: tuple[float, ...]) -> bool:
    """Whether black is read more easily than white on a shade."""
    red, green, blue = (x / 12.92 if x <= 0.04 else ((x + 0.055) / 1.055) ** 2.4 for x in shade[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.3


def _width(text: str) -> float:
    return max(sum(2 * _LETTER if is_chinese(letter) else _LETTER for letter in line) for line in text.split("\n"))
