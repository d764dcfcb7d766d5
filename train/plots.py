"""Pictures of a run: its losses, and macro-F1 where it was measured. Drawn from log.jsonl, at any time."""

from pathlib import Path
from typing import Any

import numpy as np

from train.read_log import Course, read_log

_INK, _QUIET, _GRID = "#1f2328", "#6e7781", "#e6e8eb"
_BLUE, _ORANGE = "#1f6feb", "#d1570a"
# Told apart by people who are colour-blind, too (Okabe and Ito 2008).
_TASKS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999933", "#882255")


def draw_plots(output_dir: Path) -> list[Path]:
    """Draws ``loss.png``, and ``macro_f1.png`` if macro-F1 was measured, into ``output_dir``; returns their paths."""
    course = read_log(output_dir)
    drawn = []
    if course.steps:
        drawn.append(_draw_loss(course, output_dir / "loss.png"))
    if any(scores.get("macro_f1") is not None for scores in course.evaluations.values()):
        drawn.append(_draw_macro_f1(course, output_dir / "macro_f1.png"))
    return drawn


def smoothed(values: np.ndarray, share: float = 0.05) -> np.ndarray:
    """A moving average, centred, over ``share`` of the values; at the ends over those that are there."""
    width = max(1, round(len(values) * share)) | 1
    sums = np.convolve(values, np.ones(width), "same")
    return np.asarray(sums / np.convolve(np.ones(len(values)), np.ones(width), "same"))


def _draw_loss(course: Course, path: Path) -> Path:
    known = {step: line["loss"] for step, line in course.steps.items() if line["loss"] is not None}
    steps, losses = np.array(list(known)), np.array(list(known.values()), dtype=float)
    figure, axes = _sheet("Loss", "nats per scored token")
    axes.plot(steps, losses, color=_BLUE, alpha=0.25, linewidth=0.8, label="training, single steps")
    dots = "o" if len(steps) < 3 else None  # a line of one point is none
    axes.plot(steps, smoothed(losses), color=_BLUE, linewidth=2, marker=dots, label="training, smoothed")
    held_out = {step: scores["loss"] for step, scores in course.evaluations.items() if scores.get("loss") is not None}
    if held_out:
        style = {"color": _ORANGE, "linewidth": 1.5, "marker": "o", "markersize": 5}
        axes.plot(list(held_out), list(held_out.values()), label="validation", **style)
    # One wild first step must not press the rest of the curve flat.
    shown = [*losses, *held_out.values()]
    top = max(np.percentile(shown, 99), *held_out.values()) if held_out else np.percentile(shown, 99)
    low = min(shown)
    axes.set_xlim(0, 1.03 * max([*steps, *held_out]))
    axes.set_ylim(max(0.0, low - 0.08 * (top - low)), top + 0.08 * (top - low) + 1e-9)
    axes.legend(frameon=False, labelcolor=_INK)
    return _saved(figure, path)


def _draw_macro_f1(course: Course, path: Path) -> Path:
    measured = {step: scores for step, scores in course.evaluations.items() if scores.get("macro_f1") is not None}
    steps = list(measured)
    overall = [scores["macro_f1"] for scores in measured.values()]
    tasks = sorted(
        {
            name
            for scores in measured.values()
            for name, score in scores.items()
            if name.startswith("macro_f1/") and score is not None
        }
    )
    figure, axes = _sheet("Macro-F1 on the validation split", "")
    for number, name in enumerate(tasks):
        points = [(step, scores[name]) for step, scores in measured.items() if scores.get(name) is not None]
        colour = _TASKS[number % len(_TASKS)]
        line = {"color": colour, "linewidth": 1.2, "marker": "o", "markersize": 3}
        axes.plot(*zip(*points, strict=True), linestyle="-" if number < len(_TASKS) else "--", **line)
    axes.plot(steps, overall, color=_INK, linewidth=2.5, marker="o", markersize=4, zorder=3)
    best = int(np.argmax(overall))
    axes.plot(
        steps[best], overall[best], marker="o", markersize=13, markeredgewidth=2, color="none", markeredgecolor=_INK
    )
    axes.set_xlim(0, 1.03 * max(1, *steps))
    axes.set_ylim(0, 1)
    _name_lines(axes, {"mean of the tasks": (overall, _INK)} if len(tasks) > 1 else {}, measured, tasks)
    axes.set_title(f"best {overall[best]:.3f} at step {steps[best]:,}", loc="right", color=_QUIET, fontsize=10)
    return _saved(figure, path)


def _name_lines(
    axes: Any, overall: dict[str, tuple[list[float], str]], measured: dict[int, dict[str, float]], tasks: list[str]
) -> None:
    """Writes each line's name behind its end, moved apart where ends lie close together."""
    last = list(measured)[-1]
    ends = [(values[-1], name, colour) for name, (values, colour) in overall.items()]
    for number, name in enumerate(tasks):
        values = [scores[name] for scores in measured.values() if scores.get(name) is not None]
        ends.append((values[-1], name.removeprefix("macro_f1/"), _TASKS[number % len(_TASKS)]))
    heights = _apart([end[0] for end in sorted(ends)], 0.045)
    for height, (value, name, colour) in zip(heights, sorted(ends), strict=True):
        axes.annotate(
            f"{name} {value:.2f}",
            (last, height),
            xytext=(10, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontsize=9,
            fontweight="bold" if name in overall else "normal",
            annotation_clip=False,
        )


def _apart(heights: list[float], gap: float) -> list[float]:
    """Ascending heights, moved so that neighbours are at least ``gap`` apart and all stay between 0 and 1."""
    moved = list(heights)
    for place in range(1, len(moved)):
        moved[place] = max(moved[place], moved[place - 1] + gap)
    limit = 1.0
    for place in range(len(moved) - 1, -1, -1):
        moved[place] = min(moved[place], limit)
        limit = moved[place] - gap
    return moved


def _sheet(title: str, unit: str) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5), dpi=150, layout="constrained")
    axes: Any = figure.add_subplot()
    axes.set_title(title, loc="left", color=_INK, fontsize=13, fontweight="bold", pad=12)
    axes.set_xlabel("step", color=_QUIET)
    axes.set_ylabel(unit, color=_QUIET)
    axes.tick_params(colors=_QUIET, length=0)
    axes.grid(axis="y", color=_GRID)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(_GRID)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    return figure, axes


def _saved(figure: Any, path: Path) -> Path:
    aside = path.with_suffix(".partial.png")
    figure.savefig(aside)
    aside.replace(path)
    return path
