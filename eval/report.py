"""One offline HTML file that shows runs side by side, task by task; see report.html.j2 for the page itself."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from eval import figures
from eval.folder import read_manifest
from eval.measure import positives
from eval.score import format_interval, scores_of
from eval.wording import metric_name
from mentalglm.errors import UserError
from mentalglm.tasks import Bilingual, Task, load_task

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Run:
    """One run in the report: how it was made, what it scored, and how it is called and coloured."""

    name: str
    colour: str
    folder: Path
    manifest: dict[str, Any]
    scores: dict[str, Any]


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
    """

    task: Task
    runs: list[Run]
    rows: list[tuple[Bilingual, list[tuple[str, str]]]]
    positive: list[str]
    same_rows: bool
    overview: str
    per_label: str | None
    matrices: list[str] | None


def write_report(folders: list[Path], out: Path) -> Path:
    """Writes the report of several runs, grouped by task.

    Returns:
        The file written.

    Raises:
        UserError: A folder is not a run's or has no answers, or the file cannot be written.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = [(folder, read_manifest(folder), scores_of(folder)) for folder in folders]
    tasks = dict.fromkeys(manifest["task"] for _, manifest, _ in made)
    sections = [_section(load_task(name), [item for item in made if item[1]["task"] == name]) for name in tasks]
    page = Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    html = page.get_template("report.html.j2").render(
        sections=sections, today=date.today().isoformat(), style=(_HERE / "report.css").read_text(encoding="utf-8")
    )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(html, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{out} cannot be written ({error.strerror}); name another file with --out") from None
    return out


def _section(task: Task, made: list[tuple[Path, dict[str, Any], dict[str, Any]]]) -> Section:
    models = [manifest["model"]["name"] for _, manifest, _ in made]
    runs = [
        Run(
            name=model if models.count(model) == 1 else f"{model} ({folder.name})",
            colour=figures.COLOURS[i % len(figures.COLOURS)],
            folder=folder,
            manifest=manifest,
            scores=scores,
        )
        for i, (model, (folder, manifest, scores)) in enumerate(zip(models, made, strict=True))
    ]
    names = list(dict.fromkeys(["parse_rate", *(name for run in runs for name in run.scores["metrics"])]))
    per_run = [{"parse_rate": run.scores["parse_rate"], **run.scores["metrics"]} for run in runs]
    rows = [(metric_name(name), [_cell(scores.get(name)) for scores in per_run]) for name in names]
    lines = [figures.Line(metric_name(name), "", [s.get(name) for s in per_run]) for name in names if name != "mae"]
    matrices = None
    if not task.many:
        matrices = [figures.confusion(run.scores["confusion"], task.label_names, run.colour) for run in runs]
    return Section(
        task=task,
        runs=runs,
        rows=rows,
        positive=[task.labels[i].name for i in positives(task)],
        same_rows=len({_rows_asked(run) for run in runs}) == 1,
        overview=figures.dots(lines),
        per_label=None if task.kind == "ordinal" else _per_label(task, runs),
        matrices=matrices,
    )


def _per_label(task: Task, runs: list[Run]) -> str:
    lines = []
    for i, name in enumerate(task.label_names):
        entries = [run.scores["per_class"][i] for run in runs]
        shown = name.replace("##", " · ")
        lines.append(figures.Line(Bilingual(zh=shown, en=shown), f"n={entries[0]['n']}", [e["f1"] for e in entries]))
    return figures.bars(lines)


def _cell(score: dict[str, Any] | None) -> tuple[str, str]:
    value, _, interval = format_interval(score).partition(" ") if score else ("", "", "")
    return value, interval.strip("[]").replace(", ", "–")


def _rows_asked(run: Run) -> tuple[Any, ...]:
    data = run.manifest["data"]
    return data["sha256"], data["split"], data["limit"], run.scores["n"]
