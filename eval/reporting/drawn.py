"""What the figures of a task show, for the page and for a paper alike."""

from dataclasses import dataclass

from eval.measure import LOWER_IS_BETTER
from eval.reporting.figures import Line
from eval.reporting.runs import Run
from eval.reporting.wording import COVERAGE, PREDICTED_P, RECALL, RISK, SHARE_READ, TRUE_SHARE, metric_name
from mentalglm.tasks import Bilingual, Task

_AXES = {
    "reliability": (PREDICTED_P, TRUE_SHARE),
    "risk_coverage": (COVERAGE, RISK),
    "reading": (SHARE_READ, RECALL),
}


@dataclass(frozen=True)
class Curve:
    """One kind of curve: its key in ``scores.json``, the names of its axes, the points of each run that has some."""

    key: str
    x: Bilingual
    y: Bilingual
    lines: list[tuple[Run, list[list[float]]]]


def measures_of(runs: list[Run]) -> list[str]:
    """The measures of the labels and the evidence, those of every run."""
    return list(dict.fromkeys(["parse_rate", *(name for run in runs for name in run.scores["metrics"])]))


def score_lines(runs: list[Run]) -> list[Line]:
    """The scores that an axis up to 1 can show, more being better."""
    names = [name for name in measures_of(runs) if name not in LOWER_IS_BETTER]
    return [Line(metric_name(name), "", [run.score(name) for run in runs]) for name in names]


def label_lines(task: Task, runs: list[Run]) -> list[Line]:
    """F1 of every label, with how many rows have it: in every run, or from the fewest to the most."""
    lines = []
    for i, name in enumerate(task.label_names):
        entries = [run.scores["per_class"][i] for run in runs]
        shown = name.replace("##", " · ")
        counts = "–".join(
            str(n) for n in sorted({min(each["n"] for each in entries), max(each["n"] for each in entries)})
        )
        lines.append(Line(Bilingual(zh=shown, en=shown), f"n={counts}", [each["f1"] for each in entries]))
    return lines


def curves_of(runs: list[Run]) -> list[Curve]:
    """Reliability, risk against coverage, recall against posts read; those that some run has."""
    curves = [
        Curve(key, x, y, [(run, points) for run in runs if (points := _defined(run, key))])
        for key, (x, y) in _AXES.items()
    ]
    return [curve for curve in curves if curve.lines]


def _defined(run: Run, key: str) -> list[list[float]]:
    """The points that can be drawn: without a post of the positive class there is no recall."""
    points = (run.scores.get("curves") or {}).get(key) or []
    return [point for point in points if None not in point]
