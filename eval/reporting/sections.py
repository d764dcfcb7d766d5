"""What a report says of each task, and of all tasks in one table."""

from dataclasses import dataclass
from typing import Any

from eval.measure import LOWER_IS_BETTER, positives
from eval.reporting import figures
from eval.reporting.comparison import Comparison, Pair
from eval.reporting.curves import curve
from eval.reporting.drawn import curves_of, label_lines, measures_of, score_lines
from eval.reporting.error_examples import ErrorExample, error_examples
from eval.reporting.explanation_rows import Explanations, explanations_of
from eval.reporting.published import Published, published_for
from eval.reporting.runs import Cell, Run, cell, form_of, headlines
from eval.reporting.slice_rows import SliceColumn, slices_of
from eval.reporting.wording import ABSENT, direction, metric_name
from mentalglm.tasks import Bilingual, Task

Row = tuple[Bilingual, list[Cell]]
SCREENING_FORMS = {"ppv": "{:.3f}", "npv": "{:.3f}", "alarms": "{:.1f}", "misses": "{:.1f}"}


@dataclass(frozen=True)
class Section:
    """One task in the report.

    Attributes:
        task: The task.
        runs: Its runs, in the order given.
        rows: The table: a metric's name and one ``value, interval`` pair per run.
        published: What others published on the same data, never to be mixed with the rows.
        positive: The labels that form the positive class.
        same_rows: Whether all runs answered the same rows of the same file.
        overview: The figure of all scores that lie between 0 and 1.
        per_label: The figure of F1 per label; None on a scale.
        matrices: One confusion matrix per run; None where a post may have several labels.
        curves: Reliability, risk against coverage, recall against posts read; those that can be drawn.
        screening: Per run and prevalence, PPV, NPV, and alarms and misses per 1,000 posts.
        comparison: The first run against each other run.
        differences: A figure of each pair's differences.
        explanations: The scores of the explanations; None where there are none.
        slices: Scores by length and language.
        examples: Per run, answers that were wrong; only where posts may be shown.
    """

    task: Task
    runs: list[Run]
    rows: list[Row]
    published: list[Published]
    positive: list[str]
    same_rows: bool
    overview: str
    per_label: str | None
    matrices: list[str] | None
    curves: list[str]
    screening: list[tuple[Run, float, list[Cell]]]
    comparison: list[Pair]
    differences: list[str]
    explanations: Explanations | None
    slices: list[SliceColumn]
    examples: list[tuple[Run, list[ErrorExample]]]


@dataclass(frozen=True)
class Overview:
    """All tasks in one table.

    Attributes:
        runs: The runs' names, one a column.
        tasks: Each task with its most important scores; a run without the task has empty cells.
        absent: Tasks of a suite that were left out: of which runs, and why.
    """

    runs: list[tuple[str, str]]
    tasks: list[tuple[Task, str, list[Row]]]
    absent: list[tuple[list[str], str, Bilingual]]


def section(task: Task, runs: list[Run], comparison: Comparison | None, show_posts: bool) -> Section:
    """One task of the runs that have it."""
    names = measures_of(runs)
    matrices = None
    if not task.many:
        matrices = [figures.confusion(run.scores["confusion"], task.label_names, run.colour) for run in runs]
    wrong = [(run, error_examples(run.folder, run.manifest, task, show_posts)) for run in runs]
    pairs = comparison.by_task.get(task.name, []) if comparison else []
    return Section(
        task=task,
        runs=runs,
        rows=[_row(name, runs) for name in names],
        published=published_for(task.name, runs[0].manifest["data"].get("source")),
        positive=[task.labels[i].name for i in positives(task)],
        same_rows=len({run.rows_asked for run in runs}) == 1,
        overview=figures.dots(score_lines(runs)),
        per_label=None if task.kind == "ordinal" else figures.bars(label_lines(task, runs)),
        matrices=matrices,
        curves=_curves(runs),
        screening=screening_rows(runs),
        comparison=pairs,
        differences=[_differences(pair) for pair in pairs],
        explanations=explanations_of(runs),
        slices=slices_of(task, runs),
        examples=[(run, found) for run, found in wrong if found],
    )


def overview_of(runs: list[dict[str, Run]], sections: list[Section]) -> Overview | None:
    """None where there is but one task, whose own section says all."""
    if len(sections) < 2:
        return None
    firsts = [next(iter(run.values())) for run in runs]
    tasks = []
    for each in sections:
        name = each.task.name
        rows = []
        for metric in ["parse_rate", *headlines(each.runs)]:
            scores = [run[name].score(metric) if name in run else None for run in runs]
            rows.append((metric_name(metric), [cell(score, form_of(scores)) for score in scores]))
        n = " · ".join(dict.fromkeys(str(run.scores["n"]) for run in each.runs))
        tasks.append((each.task, n, rows))
    absent: dict[tuple[str, str], list[str]] = {}
    for run in firsts:
        for task, why in run.manifest.get("absent", {}).items():
            absent.setdefault((task, why), []).append(run.name)
    left_out = [(names, task, ABSENT[why]) for (task, why), names in absent.items()]
    return Overview([(run.name, run.colour) for run in firsts], tasks, left_out)


def screening_rows(runs: list[Run]) -> list[tuple[Run, float, list[Cell]]]:
    """Per run and prevalence PPV, NPV, and alarms and misses per 1,000 posts."""
    return [
        (run, row["prevalence"], [cell(row[key], form) for key, form in SCREENING_FORMS.items()])
        for run in runs
        for row in run.scores.get("screening") or []
    ]


def _row(metric: str, runs: list[Run]) -> Row:
    return metric_name(metric), [cell(run.score(metric)) for run in runs]


def _curves(runs: list[Run]) -> list[str]:
    return [
        curve(
            [(run.colour, [(p[0], p[1]) for p in points]) for run, points in each.lines],
            each.x,
            each.y,
            dots=each.key == "reliability",
        )
        for each in curves_of(runs)
    ]


def _differences(pair: Pair) -> str:
    shown = {name: score for name, score in pair.metrics.items() if _is_share(name, score)}
    lines = [figures.Line(metric_name(name), "", [_difference(score)]) for name, score in shown.items()]
    return figures.differences(lines, pair.second.colour)


def _is_share(name: str, score: dict[str, Any]) -> bool:
    """Whether more is better and both values lie between -1 and 1, so that differences can share an axis."""
    values = [score[key] for key in ("first", "second") if score[key] is not None]
    return name not in LOWER_IS_BETTER and direction(name) == "↑" and all(abs(value) <= 1 for value in values)


def _difference(score: dict[str, Any]) -> dict[str, float | None]:
    return {"value": score["difference"], "low": score["low"], "high": score["high"]}
