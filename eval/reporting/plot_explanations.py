"""Figures for a paper: the measures of explanations, beside those of one constant explanation per label."""

import math
from typing import Any

from eval.reporting.explanation_rows import Explanations, Row
from eval.reporting.figure_style import PAGE, QUIET, Words, legend, sheet
from eval.reporting.figures import Line, axis_start
from eval.reporting.plot_scores import Mark, draw_rows, handle, marks_of, row_height
from eval.reporting.wording import INTERVALS, SCORE, TEMPLATE_NAME
from mentalglm.tasks import Task

_AXIS, _ROUND = 0.26, 0.95  # inches: an axis of its own, title and legend


def plot_explanations(task: Task, found: Explanations, words: Words) -> Any:
    """Shares on one axis; a measure that leaves it, such as a length, on one of its own."""
    runs = found.runs
    with_template = [any(row.template_scores[i] for row in found.rows) for i in range(len(runs))]
    marks = []
    for mark, template in zip(marks_of(runs), with_template, strict=True):
        marks += [mark, Mark(mark.colour, mark.shape, hollow=True)] if template else [mark]
    shares = [row for row in found.rows if _is_share(row)]
    own = [row for row in found.rows if not _is_share(row)]
    groups = [*([shares] if shares else []), *([row] for row in own)]
    all_names = [[f"{words.row(row.name)} {row.arrow}".strip() for row in rows] for rows in groups]
    heights = [row_height(marks, names) * len(names) + _AXIS for names in all_names]
    figure = sheet(PAGE, sum(heights) + _ROUND)
    panels = figure.subplots(len(groups), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, rows, names in zip(panels, groups, all_names, strict=True):
        lines = [Line(row.name, "", _scores(row, with_template)) for row in rows]
        draw_rows(axes, lines, names, marks, bars=False)
        axes.set_xlim(*((axis_start(lines), 1.0) if rows is shares else _reach(lines)))
        if rows is shares:
            axes.axvline(0, color=QUIET, linewidth=0.6, zorder=1)
            axes.set_xlabel(f"{words.say(SCORE)}{words.say(INTERVALS)}")
    panels[0].set_title(words.say(task.title))
    handles = [handle(mark) for mark in marks_of(runs)]
    named = [words.run(run) for run in runs]
    if any(with_template):
        handles.append(handle(Mark(QUIET, "o", hollow=True)))
        named.append(words.say(TEMPLATE_NAME))
    legend(figure, handles, named)
    return figure


def _scores(row: Row, with_template: list[bool]) -> list[dict[str, Any] | None]:
    scores = []
    for own, beside, template in zip(row.scores, row.template_scores, with_template, strict=True):
        scores += [own, beside] if template else [own]
    return scores


def _is_share(row: Row) -> bool:
    """Whether an axis from -1 to 1 shows a measure and its intervals, or it was never defined."""
    return all(abs(end) <= 1 for end in _ends([*row.scores, *row.template_scores]))


def _reach(lines: list[Line]) -> tuple[float, float]:
    """An axis of a measure's own: from 0, or up to it, with some room behind the last interval."""
    ends = [*_ends([score for line in lines for score in line.scores]), 0.0]
    low, high = min(ends), max(ends)
    room = 0.05 * (high - low)
    return (low - room if low < 0 else 0.0), (high + room if high > 0 else 0.0)


def _ends(scores: list[dict[str, Any] | None]) -> list[float]:
    ends = [score.get(key) for score in scores if score for key in ("value", "low", "high")]
    return [end for end in ends if end is not None and math.isfinite(end)]
