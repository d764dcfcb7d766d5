"""Figures for a paper: reliability, risk against coverage, recall against posts read."""

from typing import Any

from eval.reporting.drawn import Curve
from eval.reporting.figure_style import COLUMN, QUIET, Words, colour_of, dashes_of, legend, marker_of, sheet
from eval.reporting.runs import Run
from mentalglm.tasks import Task

_TOPS = (0.1, 0.2, 0.4, 0.6, 0.8)
# More runs than this have no room for their intervals side by side; how far apart these are.
_FEW, _ASIDE = 3, 0.012


def plot_curve(task: Task, curve: Curve, words: Words) -> Any:
    """One kind of curve, a line per run that has it."""
    from matplotlib.ticker import MaxNLocator

    figure = sheet(COLUMN, COLUMN + 0.35)
    axes = figure.subplots()
    axes.set_box_aspect(1)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, _top(curve) if curve.key == "risk_coverage" else 1)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.grid()
    if curve.key != "risk_coverage":  # where a calibrated model would lie, and where reading in any order would
        axes.plot((0, 1), (0, 1), color=QUIET, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    most = max(point[2] for _, points in curve.lines for point in points) if curve.key == "reliability" else 0
    handles = []
    for run, points in curve.lines:
        x, y = ([p[i] for p in points] for i in (0, 1))
        colour = colour_of(run)
        handles += axes.plot(
            x, y, color=colour, linestyle=dashes_of(run), linewidth=1.4, alpha=0.9, clip_on=False, zorder=3
        )
        if curve.key == "reliability":
            handles[-1] = _dots(axes, run, x, y, [8 + 60 * p[2] / most for p in points])
        if curve.key == "reading" and len(curve.lines) <= _FEW:
            _intervals(axes, run, len(handles) - 1 - (len(curve.lines) - 1) / 2)
    axes.set_title(words.say(task.title))
    axes.set_xlabel(words.say(curve.x))
    axes.set_ylabel(words.say(curve.y))
    legend(figure, handles, [words.run(run) for run, _ in curve.lines])
    return figure


def _dots(axes: Any, run: Run, x: list[float], y: list[float], areas: list[float]) -> Any:
    """A dot per bin, its area growing with the answers in it; returns what the legend shows."""
    from matplotlib.lines import Line2D

    look: dict[str, Any] = {"color": colour_of(run), "marker": marker_of(run), "linestyle": dashes_of(run)}
    axes.scatter(
        x,
        y,
        s=areas,
        clip_on=False,
        zorder=4,
        edgecolors="white",
        linewidths=0.5,
        color=look["color"],
        marker=look["marker"],
    )
    return Line2D([], [], linewidth=1.4, markersize=4.2, **look)


def _intervals(axes: Any, run: Run, aside: float) -> None:
    """The recall at the few shares whose intervals are known, each run's a little aside from the others'."""
    for at in run.scores.get("reading") or []:
        recall = at["recall"]
        if None not in (recall["value"], recall["low"], recall["high"]):
            x = at["share"] + _ASIDE * aside
            look = {"color": colour_of(run), "clip_on": False}
            axes.plot((x, x), (recall["low"], recall["high"]), linewidth=0.9, alpha=0.6, zorder=2, **look)
            axes.plot(x, recall["value"], marker=marker_of(run), markersize=3, zorder=4, **look)


def _top(curve: Curve) -> float:
    """Where the axis of error rates ends: no higher than it must."""
    highest = max(p[1] for _, points in curve.lines for p in points)
    return next((top for top in _TOPS if highest <= top), 1.0)
