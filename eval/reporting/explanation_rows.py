"""The scores of explanations as a report shows them: beside the constant template's, and which way is better."""

import re
from dataclasses import dataclass
from typing import Any

from eval.reporting.runs import Cell, Run, cell, form_of
from eval.reporting.wording import TEMPLATE, block_name, direction, lacking, metric_name
from mentalglm.tasks import Bilingual


@dataclass(frozen=True)
class Row:
    """One measure.

    Attributes:
        name: What it is called.
        arrow: Which direction is better, if one is.
        cells: Per run, its value and interval.
        templates: Per run, those of one constant explanation per label in the place of the run's own; empty where the
            measure has none.
        form: How its numbers are written.
        scores: Per run, the score as it is stored.
        template_scores: Per run, the template's.
    """

    name: Bilingual
    arrow: str
    cells: list[Cell]
    templates: list[Cell]
    form: str
    scores: list[dict[str, Any] | None]
    template_scores: list[dict[str, Any] | None]


@dataclass(frozen=True)
class Explanations:
    """The explanations of one task.

    Attributes:
        runs: The runs that have some.
        rows: The measures.
        explained: Per run, how many rows have an explanation in words.
        absent: What was not measured: which runs, which measures, what was lacking.
    """

    runs: list[Run]
    rows: list[Row]
    explained: list[int | None]
    absent: list[tuple[str, list[Bilingual], Bilingual]]


def explanations_of(runs: list[Run]) -> Explanations | None:
    """None where no run has a score of explanations."""
    runs = [run for run in runs if run.scores.get("explanations")]
    own = [run.scores["explanations"] for run in runs]
    template = [run.scores.get("template") or {} for run in runs]
    names = list(dict.fromkeys(name for scores in [*own, *template] for name in scores))
    if not names:
        return None
    rows = []
    for name in names:
        scores, beside = [each.get(name) for each in own], [each.get(name) for each in template]
        form = form_of([*scores, *beside])
        cells, templates = [cell(score, form) for score in scores], [cell(score, form) for score in beside]
        rows.append(Row(_short(metric_name(name)), direction(name), cells, templates, form, scores, beside))
    return Explanations(runs, rows, [run.scores.get("n_explained") for run in runs], _absent(runs))


def _short(name: Bilingual) -> Bilingual:
    """A measure's name without the direction, which an arrow tells."""
    zh = re.sub(r"（越[小少]越好）$", "", name.zh)
    return Bilingual(zh=zh, en=name.en.removesuffix(" (lower is better)"))


def _absent(runs: list[Run]) -> list[tuple[str, list[Bilingual], Bilingual]]:
    reasons: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        missing = run.scores.get("not_measured") or {}
        for name, why in missing.items():
            if name.removeprefix(TEMPLATE) not in missing or not name.startswith(TEMPLATE):
                reasons.setdefault((why, name), []).append(run.name)
    merged: dict[tuple[str, str], list[Bilingual]] = {}
    for (why, name), of in reasons.items():
        merged.setdefault((", ".join(of), why), []).append(_short(block_name(name)))
    return [(of, which, lacking(why)) for (of, why), which in merged.items()]
