"""Figures for a paper: scores as dots, F1 per label as bars, each with its interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eval.reporting.drawn import label_lines, score_lines
from eval.reporting.figure_style import INK, PAGE, QUIET, Words, colour_of, legend, marker_of, sheet
from eval.reporting.figures import Line, axis_start
from eval.reporting.runs import Run
from eval.reporting.wording import F1, INTERVALS, SCORE
from mentalglm.tasks import Task

_PALE, _SEEN = 0.72, 0.004  # a bar's opacity, so that its whisker is seen, and a length at which one of 0 is
# Inches: between runs, a row, one whose name has two lines, and all around: title, axis, legend.
_STEP, _LEAST, _TWO_LINES, _ROUND = 0.1, 0.23, 0.33, 0.95


@dataclass(frozen=True)
class Mark:
    """How one run's scores are drawn; hollow marks are the template's."""

    colour: str
    shape: str
    hollow: bool = False


def plot_scores(task: Task, runs: list[Run], words: Words) -> Any:
    """All scores between 0 and 1 as dots."""
    lines = score_lines(runs)
    names = [words.row(line.name) for line in lines]
    figure, axes = _rows(lines, names, marks_of(runs), bars=False)
    axes.set_xlabel(f"{words.say(SCORE)}{words.say(INTERVALS)}")
    return _named(figure, axes, task, runs, words, bars=False)


def plot_labels(task: Task, runs: list[Run], words: Words) -> Any:
    """F1 of every label as bars, and how many posts have it."""
    names = [words.label(task, name) for name in task.label_names]
    figure, axes = _rows(label_lines(task, runs), names, marks_of(runs), bars=True)
    axes.set_xlabel(f"{words.say(F1)}{words.say(INTERVALS)}")
    return _named(figure, axes, task, runs, words, bars=True)


def marks_of(runs: list[Run]) -> list[Mark]:
    """One mark per run."""
    return [Mark(colour_of(run), marker_of(run)) for run in runs]


def row_height(marks: Sequence[Mark], names: Sequence[str]) -> float:
    """How high a row is, in inches, so that each mark has a line to itself and no name touches the next."""
    return max(_TWO_LINES if any("\n" in name for name in names) else _LEAST, _STEP * (len(marks) + 0.8))


def draw_rows(axes: Any, lines: Sequence[Line], names: list[str], marks: Sequence[Mark], *, bars: bool) -> None:
    """Draws a row per line, and in it each run's score at its own height, from top to bottom.

    Args:
        axes: What it is drawn on.
        lines: The scores.
        names: What the lines are called.
        marks: How each line's scores are drawn.
        bars: Bars from 0 instead of dots.
    """
    step = _STEP / row_height(marks, names)
    for i, line in enumerate(lines):
        for place, (score, mark) in enumerate(zip(line.scores, marks, strict=True)):
            if score is not None:
                _draw(axes, score, i + (place - (len(marks) - 1) / 2) * step, mark, step if bars else None)
        if line.remark:
            axes.text(1.015, i, line.remark, transform=axes.get_yaxis_transform(), va="center", color=QUIET, fontsize=7)
    axes.set_yticks(range(len(lines)), names)
    axes.set_ylim(len(lines) - 0.45, -0.55)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)


def _rows(lines: list[Line], names: list[str], marks: list[Mark], *, bars: bool) -> tuple[Any, Any]:
    figure = sheet(PAGE, row_height(marks, names) * len(lines) + _ROUND)
    axes = figure.subplots()
    draw_rows(axes, lines, names, marks, bars=bars)
    axes.set_xlim(0.0 if bars else axis_start(lines), 1.0)
    axes.axvline(0, color=QUIET, linewidth=0.6, zorder=1)
    return figure, axes


def _named(figure: Any, axes: Any, task: Task, runs: list[Run], words: Words, *, bars: bool) -> Any:
    from matplotlib.patches import Patch

    axes.set_title(words.say(task.title))
    marks = marks_of(runs)
    handles = [Patch(color=mark.colour, alpha=_PALE, linewidth=0) if bars else handle(mark) for mark in marks]
    legend(figure, handles, [words.run(run) for run in runs])
    return figure


def handle(mark: Mark) -> Any:
    """A mark as the legend shows it."""
    from matplotlib.lines import Line2D

    return Line2D([], [], linestyle="", **_look(mark))


def _look(mark: Mark) -> dict[str, Any]:
    inside = "white" if mark.hollow else mark.colour
    return {"marker": mark.shape, "markersize": 4.2, "markerfacecolor": inside, "markeredgecolor": mark.colour}


def _draw(axes: Any, score: dict[str, float | None], y: float, mark: Mark, bar: float | None) -> None:
    value, low, high = (score.get(key) for key in ("value", "low", "high"))
    if value is None:  # measured, but there was nothing to judge
        place = {"xycoords": ("data", "data"), "textcoords": "offset points", "color": mark.colour}
        axes.annotate("–", (0, y), (4, 0), va="center_baseline", fontweight="bold", annotation_clip=False, **place)
        return
    if bar is not None:
        axes.barh(y, max(value, _SEEN), height=0.82 * bar, color=mark.colour, alpha=_PALE, linewidth=0, zorder=2)
    else:
        axes.plot(value, y, clip_on=False, zorder=4, **_look(mark))
    if low is not None and high is not None:
        thin = {"color": INK, "linewidth": 0.8} if bar is not None else {"color": mark.colour, "linewidth": 1.3}
        axes.plot((low, high), (y, y), clip_on=False, zorder=3, solid_capstyle="butt", **thin)
