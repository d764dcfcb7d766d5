"""One offline HTML file that shows runs side by side, task by task; see report.html.j2 for the page itself."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from eval import figures
from eval.curves import curve
from eval.error_examples import ErrorExample, error_examples
from eval.folder import read_manifest, task_manifests
from eval.measure import LOWER_IS_BETTER, positives
from eval.score import format_interval, scores_of, task_scores
from eval.wording import ABSENT, COVERAGE, PREDICTED_P, RECALL, RISK, SETTINGS, SHARE_READ, TRUE_SHARE, metric_name
from mentalglm.errors import UserError
from mentalglm.tasks import Bilingual, Task, load_task

_HERE = Path(__file__).parent
Row = tuple[Bilingual, list[tuple[str, str]]]


@dataclass(frozen=True)
class Run:
    """One task of one run in the report: how it was made, what it scored, and how it is called and coloured."""

    name: str
    colour: str
    folder: Path
    manifest: dict[str, Any]
    scores: dict[str, Any]

    @property
    def setting(self) -> Bilingual | None:
        """How the model was asked: zero-shot, fine-tuned …"""
        return SETTINGS.get(self.manifest.get("setting", ""))

    @property
    def command(self) -> str:
        """What would run it again, with the places of data and model left to be filled in."""
        manifest, data = self.manifest, self.manifest["data"]
        what = manifest["suite"]["name"] if "suite" in manifest else f"--task {manifest['task']}"
        words = [f"python -m eval run {what} --data …", f"--model {manifest['model']['name']}"]
        words += [f"--split {data['split']}"] if data["split"] and "suite" not in manifest else []
        words += [f"--limit {data['limit']}"] if data["limit"] else []
        words += [f"--shots {manifest['shots']['per_label']}"] if manifest.get("shots") else []
        words += [f"--seed {seed}"] if (seed := manifest.get("seeds", {}).get("limit")) else []
        words += ["--generate"] if manifest["options"].get("generate") else []
        words += ["--labels-only"] if manifest["options"]["labels_only"] else []
        return " ".join(words)


@dataclass(frozen=True)
class Section:
    """One task in the report.

    Attributes:
        task: The task.
        runs: Its runs, in the order given.
        rows: The table: a metric's name and one ``value, interval`` pair per run.
        positive: The labels that form the positive class.
        same_rows: Whether all runs answered the same rows of the same file.
        overview: The figure of all scores that lie between 0 and 1.
        per_label: The figure of F1 per label; None on a scale.
        matrices: One confusion matrix per run; None where a post may have several labels.
        curves: Reliability, risk against coverage, recall against posts read; those that can be drawn.
        screening: Per run and prevalence, PPV, NPV, and alarms and misses per 1,000 posts.
        examples: Per run, answers that were wrong; only where posts may be shown.
    """

    task: Task
    runs: list[Run]
    rows: list[Row]
    positive: list[str]
    same_rows: bool
    overview: str
    per_label: str | None
    matrices: list[str] | None
    curves: list[str]
    screening: list[tuple[Run, float, list[tuple[str, str]]]]
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
    tasks: list[tuple[Task, int, list[Row]]]
    absent: list[tuple[list[str], str, Bilingual]]


def write_report(folders: list[Path], out: Path, *, show_posts: bool = False) -> Path:
    """Writes the report of several runs, grouped by task.

    Args:
        folders: The runs.
        out: The file.
        show_posts: Show kept posts of any licence among the examples of errors, not only openly licensed ones.

    Returns:
        The file written.

    Raises:
        UserError: A folder is not a run's or has no answers, or the file cannot be written.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    runs = _runs(folders)
    tasks = list(dict.fromkeys(name for run in runs for name in run))
    sections = [_section(load_task(name), [run[name] for run in runs if name in run], show_posts) for name in tasks]
    page = Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    html = page.get_template("report.html.j2").render(
        overview=_overview(runs, sections),
        sections=sections,
        today=date.today().isoformat(),
        style=(_HERE / "report.css").read_text(encoding="utf-8"),
    )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(html, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{out} cannot be written ({error.strerror}); name another file with --out") from None
    return out


def _runs(folders: list[Path]) -> list[dict[str, Run]]:
    """Each folder's tasks; runs of one model are told apart by their folders, and keep one colour throughout."""
    manifests = [read_manifest(folder) for folder in folders]
    models = [manifest["model"]["name"] for manifest in manifests]
    found = []
    for i, (folder, manifest, model) in enumerate(zip(folders, manifests, models, strict=True)):
        name = model if models.count(model) == 1 else f"{model} ({folder.name})"
        scores = task_scores(scores_of(folder))
        parts = task_manifests(manifest)
        colour = figures.COLOURS[i % len(figures.COLOURS)]
        found.append({task: Run(name, colour, folder, parts[task], scores[task]) for task in parts if task in scores})
    return found


def _overview(runs: list[dict[str, Run]], sections: list[Section]) -> Overview | None:
    """None where there is but one task, whose own section says all."""
    if len(sections) < 2:
        return None
    firsts = [next(iter(run.values())) for run in runs]
    tasks = []
    for section in sections:
        name = section.task.name
        rows = []
        for metric in ["parse_rate", *_headlines(section.runs)]:
            cells = [_cell(_score(run[name], metric)) if name in run else ("", "") for run in runs]
            rows.append((metric_name(metric), cells))
        tasks.append((section.task, max(run.scores["n"] for run in section.runs), rows))
    absent: dict[tuple[str, str], list[str]] = {}
    for run in firsts:
        for task, why in run.manifest.get("absent", {}).items():
            absent.setdefault((task, why), []).append(run.name)
    left_out = [(names, task, ABSENT[why]) for (task, why), names in absent.items()]
    return Overview([(run.name, run.colour) for run in firsts], tasks, left_out)


def _headlines(runs: list[Run]) -> list[str]:
    """The scores a suite names, in its order; of a task by itself the one that runs are compared by."""
    # Scores of an older version do not say it.
    alone = [run.scores.get("headline") or next(iter(run.scores["metrics"])) for run in runs]
    named = [run.manifest.get("metrics") or [metric] for run, metric in zip(runs, alone, strict=True)]
    return list(dict.fromkeys(metric for metrics in named for metric in metrics))


def _score(run: Run, metric: str) -> dict[str, Any] | None:
    scores: dict[str, Any] = {"parse_rate": run.scores["parse_rate"], **run.scores["metrics"]}
    return scores.get(metric)


def _section(task: Task, runs: list[Run], show_posts: bool) -> Section:
    names = list(dict.fromkeys(["parse_rate", *(name for run in runs for name in run.scores["metrics"])]))
    rows = [(metric_name(name), [_cell(_score(run, name)) for run in runs]) for name in names]
    drawn = [
        figures.Line(metric_name(name), "", [_score(run, name) for run in runs])
        for name in names
        if name not in LOWER_IS_BETTER
    ]
    matrices = None
    if not task.many:
        matrices = [figures.confusion(run.scores["confusion"], task.label_names, run.colour) for run in runs]
    wrong = [(run, error_examples(run.folder, run.manifest, task, show_posts)) for run in runs]
    return Section(
        task=task,
        runs=runs,
        rows=rows,
        positive=[task.labels[i].name for i in positives(task)],
        same_rows=len({_rows_asked(run) for run in runs}) == 1,
        overview=figures.dots(drawn),
        per_label=None if task.kind == "ordinal" else _per_label(task, runs),
        matrices=matrices,
        curves=_curves(runs),
        screening=_screening(runs),
        examples=[(run, found) for run, found in wrong if found],
    )


def _per_label(task: Task, runs: list[Run]) -> str:
    lines = []
    for i, name in enumerate(task.label_names):
        entries = [run.scores["per_class"][i] for run in runs]
        shown = name.replace("##", " · ")
        lines.append(figures.Line(Bilingual(zh=shown, en=shown), f"n={entries[0]['n']}", [e["f1"] for e in entries]))
    return figures.bars(lines)


def _curves(runs: list[Run]) -> list[str]:
    drawn = [(run.colour, run.scores.get("curves") or {}) for run in runs]
    found = []
    for key, x, y in (
        ("reliability", PREDICTED_P, TRUE_SHARE),
        ("risk_coverage", COVERAGE, RISK),
        ("reading", SHARE_READ, RECALL),
    ):
        lines = [(colour, [(p[0], p[1]) for p in points[key]]) for colour, points in drawn if points.get(key)]
        if lines:
            found.append(curve(lines, x, y, dots=key == "reliability"))
    return found


def _screening(runs: list[Run]) -> list[tuple[Run, float, list[tuple[str, str]]]]:
    forms = {"ppv": "{:.3f}", "npv": "{:.3f}", "alarms": "{:.1f}", "misses": "{:.1f}"}
    return [
        (run, row["prevalence"], [_cell(row[key], form) for key, form in forms.items()])
        for run in runs
        for row in run.scores.get("screening") or []
    ]


def _cell(score: dict[str, Any] | None, form: str = "{:.3f}") -> tuple[str, str]:
    """A value and its interval as they are written; both empty where there is no such score."""
    if not score:
        return "", ""
    if form == "{:.3f}" or score["value"] is None:
        value, _, interval = format_interval(score).partition(" ")
        return value, interval.strip("[]").replace(", ", "–")
    ends = [score["low"], score["high"]]
    return form.format(score["value"]), "–".join(form.format(end) for end in ends) if None not in ends else ""


def _rows_asked(run: Run) -> tuple[Any, ...]:
    data = run.manifest["data"]
    return data["sha256"], data["split"], data["limit"], run.scores["n"]
