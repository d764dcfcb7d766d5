"""Which explanations experts rate: of the same posts for every run, drawn by seed, one post of a group at a time."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.experts.posts import posts_of
from eval.experts.runs import GOLD, Run, Samples
from mentalglm.errors import UserError
from mentalglm.result_tables import display_of
from mentalglm.tasks import load_task


@dataclass(frozen=True)
class Explained:
    """One explanation as an expert sees it, and where it is from.

    Attributes:
        source: The run's name, or ``gold`` for the data set's own explanation.
        task: The task.
        id: The sample's id.
        group: What belongs together, such as one author's posts.
        post: The post.
        labels: The labels that are explained: the model's, or the gold ones.
        evidence: The words quoted for them, each behind its label where it has one.
        explanation: The explanation.
    """

    source: str
    task: str
    id: str
    group: str
    post: str
    labels: list[str]
    evidence: list[str]
    explanation: str


def draw(
    runs: list[Run], count: int, seed: int, *, tasks: list[str] | None, data: Path | None, gold: bool
) -> tuple[list[Explained], dict[str, dict[str, int]]]:
    """Draws posts of which every run gave an explanation.

    Args:
        runs: The runs.
        count: How many posts of each task.
        seed: Draws them.
        tasks: The tasks; by default all that every run answered.
        data: The file that was run, or a folder that holds it; needed where a run kept no posts.
        gold: Also show the data set's own explanations, as a control that nobody can tell from a model's.

    Returns:
        The explanations, and by task how many posts all runs ``shared``, of how many of these ``explained`` by all the
        sample was drawn, and how many were ``drawn``.

    Raises:
        UserError: No task is shared, a run gave or kept no explanation, or posts cannot be had.
    """
    shared = [task for task in runs[0].samples if all(task in run.samples for run in runs)]
    unknown = [task for task in tasks or [] if task not in shared]
    if unknown or not shared:
        there = ", ".join(shared) or "none"
        raise UserError(f"task {unknown[0] if unknown else ''!r} is not in every run; tasks in all of them: {there}")
    rows: list[Explained] = []
    counts = {}
    for task in tasks or shared:
        names = [key for key in runs[0].samples[task] if all(_same(key, task, run, runs[0]) for run in runs)]
        explained = [key for key in names if all(_said(run.samples[task][key]) for run in runs)]
        if gold:
            explained = [key for key in explained if runs[0].samples[task][key].get("gold_explanation")]
        if not explained:
            raise UserError(_why_none(runs, task, names, gold))
        drawn = _one_of_a_group(explained, runs[0].samples[task], task, count, seed)
        posts = _posts(runs, task, drawn, data)
        for key in drawn:
            rows += [_of_model(run, task, key, posts[key]) for run in runs]
            if gold:
                rows.append(_of_gold(task, runs[0].samples[task][key], posts[key]))
        counts[task] = {"shared": len(names), "explained": len(explained), "drawn": len(drawn)}
    return rows, counts


def _said(sample: dict[str, Any]) -> bool:
    return bool((sample.get("explanation") or "").strip())


def _same(key: str, task: str, run: Run, first: Run) -> bool:
    sample = run.samples[task].get(key)
    return sample is not None and sample["text_sha256"] == first.samples[task][key]["text_sha256"]


def _one_of_a_group(keys: Iterable[str], samples: Samples, task: str, count: int, seed: int) -> list[str]:
    """Posts in the order of their hashes; a group's second post comes after every group's first."""
    order = sorted(keys, key=lambda key: hashlib.sha256(f"{seed}:{task}:{key}".encode()).digest())
    seen: dict[str, int] = {}
    turn = {}
    for key in order:
        group = samples[key]["group"]
        turn[key] = seen[group] = seen.get(group, -1) + 1
    return sorted(order, key=turn.__getitem__)[:count]


def _why_none(runs: list[Run], task: str, names: list[str], gold: bool) -> str:
    if not names:
        return f"the runs share no post of {task}; give runs of the same data"
    for run in runs:
        if any(_said(run.samples[task][key]) for key in names):
            continue
        if run.manifests[task].get("setting") == "baseline":
            return f"{run.folder} is a run of a baseline, which gives no explanation of {task}; leave it out"
        if run.manifests[task]["options"]["labels_only"]:
            return f"{run.folder} was run with --labels-only and holds no explanation of {task}; run it again without"
        advice = "explanations of rows that are not CC BY 4.0 are kept with --store-text alone"
        return f"{run.folder} holds no explanation of {task}; {advice}"
    return f"{task}: no post has an explanation by every run{' and a gold one; leave --gold out' if gold else ''}"


def _posts(runs: list[Run], task: str, keys: list[str], data: Path | None) -> dict[str, str]:
    """The drawn posts: from a run that kept them, else from the file that was run."""
    kept = {key: run.samples[task][key]["text"] for run in runs for key in keys if "text" in run.samples[task][key]}
    hashes = {key: runs[0].samples[task][key]["text_sha256"] for key in keys if key not in kept}
    if hashes:
        found = posts_of(runs[0].manifests[task], data, set(hashes.values()))
        kept |= {key: found[value] for key, value in hashes.items()}
    return kept


def _of_model(run: Run, task: str, key: str, post: str) -> Explained:
    sample = run.samples[task][key]
    quotes = _quotes(task, sample["evidence"], post)
    return Explained(run.name, task, key, sample["group"], post, sample["labels"], quotes, sample["explanation"])


def _of_gold(task: str, sample: dict[str, Any], post: str) -> Explained:
    quotes = _quotes(task, sample["gold_evidence"] or [], post)
    said = sample["gold_explanation"]
    return Explained(GOLD, task, sample["id"], sample["group"], post, sample["gold"], quotes, said)


def _quotes(task: str, spans: list[dict[str, Any]], post: str) -> list[str]:
    language = "zh" if load_task(task).language == "zh" else "en"
    labels = [f"{display_of(task, span['label'], language)}：" if span["label"] else "" for span in spans]
    words = [post[span["start"] : span["end"]] for span in spans]
    return [f"{label}「{quoted}」" for label, quoted in zip(labels, words, strict=True)]
