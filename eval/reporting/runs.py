"""The runs that a report shows, by task: how each was made, what it scored, how it is called and coloured."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from eval.arrays import Arrays
from eval.folder import read_manifest, task_manifests
from eval.reporting.figures import COLOURS
from eval.reporting.wording import SETTINGS
from eval.run import OPEN_LICENSE
from eval.samples import task_arrays
from eval.score import scores_of, task_scores
from mentalglm.errors import UserError
from mentalglm.tasks import Bilingual

Cell = tuple[str, str]  # a value and its interval, as they are written


@dataclass(frozen=True)
class Answers:
    """The answers of one folder, read when a part of the report first needs them."""

    folder: Path

    @cached_property
    def by_task(self) -> dict[str, Arrays]:
        """None of them where they can't be read with today's tasks, such as those of an older version."""
        try:
            return {name: arrays for name, (_, _, arrays) in task_arrays(self.folder).items()}
        except UserError:
            return {}


@dataclass(frozen=True)
class Run:
    """One task of one run; ``place`` is the run's among those of the report, by which it is coloured."""

    name: str
    place: int
    folder: Path
    task: str
    manifest: dict[str, Any]
    scores: dict[str, Any]
    answers: Answers

    @property
    def colour(self) -> str:
        """The run's colour on the page."""
        return COLOURS[self.place % len(COLOURS)]

    @property
    def arrays(self) -> Arrays | None:
        """The task's samples; None where they cannot be read with today's tasks."""
        return self.answers.by_task.get(self.task)

    @property
    def setting(self) -> Bilingual | None:
        """How the model was asked: zero-shot, fine-tuned …"""
        return SETTINGS.get(self.manifest.get("setting", ""))

    @property
    def openly_licensed(self) -> bool:
        """Whether every post may be shown to anyone."""
        return bool(self.manifest["data"]["licenses"] == [OPEN_LICENSE])

    @property
    def command(self) -> str:
        """What would run it again, with the places of data and model left to be filled in."""
        manifest, data = self.manifest, self.manifest["data"]
        what = manifest["suite"]["name"] if "suite" in manifest else f"--task {manifest['task']}"
        words = [f"python -m eval run {what} --data …", f"--model {manifest['model']['name']}"]
        if "suite" not in manifest:
            words += _division(data)
            words += [f"--{name.replace('_', '-')} {data[name]}" for name in _COLUMNS if data.get(name)]
        model = manifest["model"]
        words += [f"--{name} {model[name]}" for name in ("revision", "quantization") if model.get(name)]
        # A model that was trained here brings its own style.
        words += [f"--style {manifest['style']}"] if manifest.get("style") and model.get("tasks") == [] else []
        words += [f"--batch-size {size}"] if (size := manifest.get("batch_size", 16)) != 16 else []
        words += [f"--limit {data['limit']}"] if data["limit"] else []
        words += [f"--shots {manifest['shots']['per_label']}"] if manifest.get("shots") else []
        words += [f"--seed {seed}"] if (seed := manifest.get("seeds", {}).get("limit")) else []
        words += ["--generate"] if manifest["options"].get("generate") else []
        words += ["--labels-only"] if manifest["options"]["labels_only"] else []
        words += ["--store-text"] if manifest["options"].get("store_text") else []
        for name in ("probe", "probe_samples", "temperature"):
            if value := manifest["options"].get(name):
                words.append(f"--{name.replace('_', '-')} {','.join(value) if name == 'probe' else value}")
        return " ".join(words)

    def score(self, measure: str) -> dict[str, Any] | None:
        """A score of the labels, the evidence or the explanation; None where it was not measured."""
        explanations = self.scores.get("explanations") or {}
        scores: dict[str, Any] = {"parse_rate": self.scores["parse_rate"], **explanations, **self.scores["metrics"]}
        return scores.get(measure)

    @property
    def rows_asked(self) -> tuple[Any, ...]:
        """Equal for runs that answered the same rows of the same file."""
        data = self.manifest["data"]
        drawn = data["limit"] or data.get("held_out") or data.get("split_by")
        seed = self.manifest.get("seeds", {}).get("limit") if drawn else None
        return data["sha256"], data["split"], data["limit"], str(data.get("split_by")), seed, self.scores["n"]


_COLUMNS = ("text_column", "label_column")


def _division(data: dict[str, Any]) -> list[str]:
    """The options that chose the rows."""
    about = data.get("split_by")
    if not about:
        return [f"--split {data['split']}"] if data["split"] else []
    if "by" in about:
        return [f"--held-out-by {about['by']}", f"--held-out-share {about['share']:g}"]
    return [f"--held-out-after {about['after']}", f"--time-column {about['time_column']}"]


def read_runs(folders: list[Path]) -> list[dict[str, Run]]:
    """Each folder's tasks; runs of one model are told apart by their folders, and keep one colour throughout.

    Raises:
        UserError: A folder is not a run's, or has no answers.
    """
    manifests = [read_manifest(folder) for folder in folders]
    models = [manifest["model"]["name"] for manifest in manifests]
    short = [f"{model} ({folder.name})" for model, folder in zip(models, folders, strict=True)]
    found = []
    for i, (folder, manifest, model) in enumerate(zip(folders, manifests, models, strict=True)):
        apart = short[i] if short.count(short[i]) == 1 else f"{model} ({folder})"
        name = model if models.count(model) == 1 else apart
        scores, parts, answers = task_scores(scores_of(folder)), task_manifests(manifest), Answers(folder)
        found.append(
            {task: Run(name, i, folder, task, parts[task], scores[task], answers) for task in parts if task in scores}
        )
    return found


def headlines(runs: list[Run]) -> list[str]:
    """The scores a suite names, in its order; of a task by itself the one that runs are compared by."""
    # Scores of an older version do not say it.
    alone = [run.scores.get("headline") or next(iter(run.scores["metrics"])) for run in runs]
    named = [run.manifest.get("metrics") or [metric] for run, metric in zip(runs, alone, strict=True)]
    return list(dict.fromkeys(metric for metrics in named for metric in metrics))


def cell(score: dict[str, Any] | None, form: str = "{:.3f}") -> Cell:
    """A value and its interval as they are written; both empty where there is no such score."""
    if not score:
        return "", ""
    if score["value"] is None:
        return "–", ""
    low, high, between = score.get("low"), score.get("high"), " … " if "+" in form else "–"
    interval = "" if low is None or high is None else written(low, form) + between + written(high, form)
    return written(score["value"], form), interval


def written(number: float, form: str) -> str:
    """A number as people write it, with a minus sign that is as wide as a plus."""
    return form.format(number).replace("-", "−")


def form_of(scores: list[dict[str, Any] | None]) -> str:
    """Three digits for shares, one for what is counted in tens, such as BLEU or a length."""
    large = any(score and score["value"] is not None and abs(score["value"]) >= 10 for score in scores)
    return "{:.1f}" if large else "{:.3f}"
