"""Runs compared in a report: what :mod:`eval.compare` computes, task by task, nothing computed anew."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.align import align
from eval.compare import compare_runs
from eval.reporting.runs import Run
from mentalglm.errors import UserError


@dataclass(frozen=True)
class Pair:
    """One task of the first run and of another.

    Attributes:
        first: The first run.
        second: The other.
        n: The samples they share.
        left_out: How many samples of each the other lacks.
        metrics: By measure, what :func:`eval.compare.compare_folders` writes.
        mcnemar: The test of exactly right answers.
    """

    first: Run
    second: Run
    n: int
    left_out: list[int]
    metrics: dict[str, dict[str, Any]]
    mcnemar: dict[str, Any]

    @property
    def tested(self) -> dict[str, dict[str, Any]]:
        """The measures that were tested, named before anyone looked."""
        return {name: score for name, score in self.metrics.items() if "p" in score}


@dataclass(frozen=True)
class Comparison:
    """The first run against each of the others.

    Attributes:
        by_task: The pairs of each task.
        tests: How many tests Holm's and Bonferroni's corrections are for.
        refused: The runs that share no sample with the first, or are of another version of the task.
    """

    by_task: dict[str, list[Pair]]
    tests: int
    refused: list[str]


def compare_all(folders: list[Path], runs: list[dict[str, Run]]) -> Comparison:
    """Compares the first run with each of the others over the samples they share.

    Args:
        folders: The runs' folders.
        runs: The same runs as the report shows them.
    """
    able, refused = [0], []
    for i in range(1, len(folders)):
        try:
            align([folders[0], folders[i]], common=True)
            able.append(i)
        except UserError:
            refused += [run.name for run in list(runs[i].values())[:1]]
    if len(able) < 2:
        return Comparison({}, 0, refused)
    result = compare_runs([folders[i] for i in able], common=True)
    by_task: dict[str, list[Pair]] = {}
    for i, each in zip(able[1:], result["comparisons"], strict=True):
        for name, task in each["tasks"].items():
            if name in runs[0] and name in runs[i]:
                pair = Pair(runs[0][name], runs[i][name], task["n"], task["left_out"], task["metrics"], task["mcnemar"])
                by_task.setdefault(name, []).append(pair)
    return Comparison(by_task, result["tests"], refused)
