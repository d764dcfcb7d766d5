"""A run's scores by length and language of the posts, as a report shows them."""

from dataclasses import dataclass
from typing import Any

from eval.arrays import Arrays
from eval.measure import LOWER_IS_BETTER, headline
from eval.reporting import figures
from eval.reporting.runs import Cell, Run, cell
from eval.reporting.wording import LANGUAGE, LANGUAGES, LENGTH, metric_name
from eval.slices import FEW, kept_slices, measure_names, slice_by
from mentalglm.tasks import Bilingual, Task

_TITLES = {"length": LENGTH, "language": LANGUAGE}


@dataclass(frozen=True)
class SliceRow:
    """One slice: its name, and per run posts (starred where too few), parse rate, score, gap to all other posts."""

    name: Bilingual
    counts: list[str]
    parse_rates: list[Cell]
    cells: list[Cell]
    gaps: list[Cell]
    scores: list[dict[str, Any] | None]

    @property
    def n(self) -> str:
        """How many posts, of all runs alike or of each."""
        return " · ".join(n for n in dict.fromkeys(self.counts) if n)


@dataclass(frozen=True)
class SliceColumn:
    """What posts are divided by, the measure shown, a figure (empty where it cannot be drawn) and the slices."""

    key: str
    title: Bilingual
    metric: Bilingual
    figure: str
    rows: list[SliceRow]


def slices_of(task: Task, runs: list[Run]) -> list[SliceColumn]:
    """By length and by language; none where the runs did not keep them or all posts are alike."""
    known = [run for run in runs if run.arrays is not None]
    arrays = [run.arrays for run in known if run.arrays is not None]
    if not arrays:
        return []
    metric = headline(task, measure_names(arrays[0], task), known[0].manifest)
    columns = []
    for key, sliced in kept_slices(arrays).items():
        found = {
            run.folder: _of_run(task, run_arrays, slices, metric)
            for run, run_arrays, slices in zip(known, arrays, sliced, strict=True)
        }
        values = sorted({value for slices in found.values() for value in slices}, key=_order)
        rows = [_row(key, value, [found.get(run.folder, {}).get(value) for run in runs], metric) for value in values]
        columns.append(SliceColumn(key, _TITLES[key], metric_name(metric), _figure(rows, metric), rows))
    return columns


def _of_run(task: Task, arrays: Arrays, slices: dict[int, str], metric: str) -> dict[str, dict[str, Any]]:
    """By slice what :func:`eval.slices.slice_by` says of it; nothing of a run that did not keep the column."""
    if not slices:
        return {}
    made = slice_by(arrays, task, slices, list(dict.fromkeys(["parse_rate", metric])))
    return {each["value"]: each for each in made["slices"]}


def _order(value: str) -> tuple[float, str]:
    first = value.split(":")[0]
    return (float(first), "") if first.isdigit() else (0.0, value)


def _row(key: str, value: str, slices: list[dict[str, Any] | None], metric: str) -> SliceRow:
    if key == "language":
        name = LANGUAGES.get(value, Bilingual(zh=value, en=value))
    else:
        shown = value.split(": ", 1)[-1].replace(" … ", "–")
        name = Bilingual(zh=f"{shown} 字", en=f"{shown} characters")
    scores = [each["metrics"].get(metric) if each else None for each in slices]
    return SliceRow(
        name=name,
        counts=[f"{each['n']}{' *' if each['n'] < FEW else ''}" if each else "" for each in slices],
        parse_rates=[cell(each["metrics"]["parse_rate"] if each else None) for each in slices],
        cells=[cell(score) for score in scores],
        gaps=[cell(score["gap"] if score else None, "{:+.3f}") for score in scores],
        scores=scores,
    )


def _figure(rows: list[SliceRow], metric: str) -> str:
    values = [score["value"] for row in rows for score in row.scores if score and score["value"] is not None]
    if metric in LOWER_IS_BETTER or any(abs(value) > 1 for value in values):
        return ""  # such as levels, which no axis from 0 to 1 can show
    return figures.dots([figures.Line(row.name, f"n={row.n}", row.scores) for row in rows])
