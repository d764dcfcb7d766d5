"""Compares runs on the same samples: differences with intervals, tests, and what could have been found at all."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from eval.align import Aligned, align
from eval.arrays import Arrays
from eval.explanations.blocks import measured_in_all
from eval.folder import write_json
from eval.intervals import LEVEL, RESAMPLES, SEED, detectable, grouped, intervals
from eval.measure import headline, measure, measure_rows, shown
from eval.reporting import tables
from eval.score import number
from eval.significance import PERMUTATIONS, adjusted, mcnemar_p, permutation_p
from eval.sums import Floats, Sums, shared_edges, to_sums
from mentalglm.errors import UserError
from mentalglm.tasks import Bilingual, Task

COMPARISON = "comparison.json"


def compare_folders(
    folders: list[Path],
    *,
    common: bool = False,
    tested: list[str] | None = None,
    permutations: int = PERMUTATIONS,
    out: Path | None = None,
) -> dict[str, Any]:
    """Compares the first run with each of the others, and writes the result.

    Every measure gets a difference with its interval; a p-value only those that were named beforehand, because who
    tests everything finds something. By default that is each task's headline measure and McNemar's test of the answers
    that are exactly right. All p-values of the result form one family for Holm and Bonferroni.

    Args:
        folders: Two runs or more of the same samples.
        common: Compare the shared tasks and samples where runs answered different ones.
        tested: The measures to test instead of the headline; ``["all"]`` tests every one.
        permutations: Random swaps of the permutation test.
        out: The file; ``comparison.json`` in the last folder by default.

    Returns:
        ``comparisons``, one per further run, each with its ``tasks``; see ``_compare`` below.

    Raises:
        UserError: Fewer than two runs, a measure that no task has, or runs that cannot be compared.
    """
    result = compare_runs(folders, common=common, tested=tested, permutations=permutations)
    write_json(out or folders[-1] / COMPARISON, result)
    return result


def compare_runs(
    folders: list[Path],
    *,
    common: bool = False,
    tested: list[str] | None = None,
    permutations: int = PERMUTATIONS,
) -> dict[str, Any]:
    """As :func:`compare_folders`, and writes nothing."""
    if len(folders) < 2:
        raise UserError(f"{len(folders)} run to compare; give two folders or more")
    made = []
    for other in folders[1:]:
        pairs = align([folders[0], other], common)
        tasks = {pair.task.name: _compare(pair, tested, permutations) for pair in pairs}
        made.append({"first": _about(folders[0], pairs, 0), "second": _about(other, pairs, 1), "tasks": tasks})
    known = {name for each in made for task in each["tasks"].values() for name in task["metrics"]}
    for name in tested or []:
        if name != "all" and name not in known:
            raise UserError(f"no task here is scored by {name!r}; its measures are {', '.join(sorted(known))}")
    return {
        "comparisons": made,
        "tests": _adjust(made),
        "interval": {"resamples": RESAMPLES, "seed": SEED, "level": LEVEL, "clustered_by": "group"},
        "permutation": {"permutations": permutations, "seed": SEED, "clustered_by": "group"},
    }


def paired_sums(runs: list[Arrays], task: Task) -> tuple[Sums, list[Any]]:
    """Every run's sums by group, with the same columns and the same groups; the runs are :func:`comparable` ones."""
    cuts = shared_edges(runs, task)
    made = [to_sums(run, task, cuts) for run in runs]
    return made[0], [grouped(each.matrix, runs[0].groups) for each in made]


def comparable(runs: list[Arrays]) -> list[Arrays]:
    """The runs without what one of them lacks: probabilities, evidence, or a measure of explanations."""
    unknown = {
        name: np.full_like(getattr(runs[0], name), np.nan)
        for name in ("chances", "evidence", "labelled_evidence")
        if any(np.isnan(getattr(run, name)).all() for run in runs)
    }
    explained = measured_in_all([run.explained for run in runs])
    return [replace(run, **unknown, explained=rows) for run, rows in zip(runs, explained, strict=True)]


def named_measures(arrays: Arrays, task: Task) -> dict[str, float]:
    """The measures that a table shows, by name."""
    return shown(measure_rows(arrays, task))


def _compare(pair: Aligned, tested: list[str] | None, permutations: int) -> dict[str, Any]:
    """One task of two runs.

    Returns:
        Per measure ``first``, ``second``, ``difference`` (second − first), its interval ``low``, ``high``, ``bca``,
        ``detectable`` (the smallest true difference that would be found at 80 % power) and ``p`` where it was tested.
    """
    from scipy.sparse import hstack

    first, second = comparable(pair.runs)
    values = [named_measures(run, pair.task) for run in (first, second)]
    sums, groups = paired_sums([first, second], pair.task)
    names, width = list(values[0]), groups[0].shape[1]

    def formula(totals: Floats) -> Floats:
        found = shown(measure(sums.read(totals), pair.task))
        return np.stack([found[name] for name in names], axis=1)

    difference = np.array([values[1][name] - values[0][name] for name in names])
    ends = intervals(
        hstack(groups, format="csr"),
        lambda totals: formula(totals[:, width:]) - formula(totals[:, :width]),
        difference,
    )
    p = permutation_p(groups[0], groups[1], formula, permutations=permutations)
    least = detectable(ends.draws)
    chosen = [headline(pair.task, names, pair.manifests[0])] if tested is None else tested
    return {
        "n": len(first),
        "groups": groups[0].shape[0],
        "left_out": pair.left_out,
        "metrics": {
            name: {
                "first": number(values[0][name]),
                "second": number(values[1][name]),
                "difference": number(difference[i]),
                "low": number(ends.low[i]),
                "high": number(ends.high[i]),
                "bca": [number(ends.bca_low[i]), number(ends.bca_high[i])],
                "detectable": number(least[i]),
                **({"p": number(p[i])} if name in chosen or "all" in chosen else {}),
            }
            for i, name in enumerate(names)
        },
        "mcnemar": _mcnemar(first, second),
    }


def _mcnemar(first: Arrays, second: Arrays) -> dict[str, Any]:
    """Samples that one run alone got exactly right. Rows of one group count each by itself here."""
    counts = {"first_only": first.right & ~second.right, "second_only": second.right & ~first.right}
    sizes = {name: int(rows.sum()) for name, rows in counts.items()}
    return {**sizes, "p": mcnemar_p(**sizes)}


def _adjust(made: list[dict[str, Any]]) -> int:
    """Writes ``p_holm`` and ``p_bonferroni`` beside every p-value of the result; returns how many there are."""
    tests = [
        test
        for each in made
        for task in each["tasks"].values()
        for test in [*task["metrics"].values(), task["mcnemar"]]
        if test.get("p") is not None
    ]
    for method in ("holm", "bonferroni"):
        for test, p in zip(tests, adjusted([test["p"] for test in tests], method), strict=True):
            test[f"p_{method}"] = p
    return len(tests)


def _about(folder: Path, pairs: list[Aligned], place: int) -> dict[str, Any]:
    return {"folder": folder.name, "model": pairs[0].manifests[place]["model"]["name"]}


def print_comparison(console: Console, result: dict[str, Any]) -> None:
    """Prints one table per pair of runs and task."""
    for each in result["comparisons"]:
        for name, task in each["tasks"].items():
            made = tables.table(
                f"{tables.task_title(name)}: n = {task['n']}, {task['groups']} groups",
                Bilingual(zh=each["first"]["folder"], en=each["first"]["model"]),
                Bilingual(zh=each["second"]["folder"], en=each["second"]["model"]),
                Bilingual(zh="差", en="difference"),
                Bilingual(zh="95% 区间", en="95% interval"),
                Bilingual(zh="p", en="p"),
                Bilingual(zh="Holm", en="Holm"),
                Bilingual(zh="Bonferroni", en="Bonferroni"),
                Bilingual(zh="可测出的差", en="detectable"),
            )
            for metric, score in task["metrics"].items():
                values = [tables.value(score[key]) for key in ("first", "second")]
                change = [tables.value(score["difference"], signed=True), tables.interval(score, signed=True)]
                tests = _tests(score)
                made.add_row(tables.measure_title(metric), *values, *change, *tests, tables.value(score["detectable"]))
            found = task["mcnemar"]
            only = [str(found["first_only"]), str(found["second_only"])]
            made.add_row(
                "mcnemar\n[dim]仅这一方全对 · exactly right in one alone[/dim]", *only, "", "", *_tests(found), ""
            )
            tables.show(console, made, *([_left_out(task["left_out"])] if any(task["left_out"]) else []))
    tables.show(console, None, *_notes(result["tests"]))


def _tests(score: dict[str, Any]) -> list[str]:
    return [tables.chance(score[key]) if key in score else "" for key in ("p", "p_holm", "p_bonferroni")]


def _left_out(counts: list[int]) -> Bilingual:
    zh, en = "、".join(map(str, counts)), " and ".join(map(str, counts))
    return Bilingual(zh=f"只比较共有的样本；两次运行各有 {zh} 条未计入。", en=f"Shared samples only: {en} left out.")


def _notes(tests: int) -> list[Bilingual]:
    return [
        Bilingual(
            zh=f"p：按组成对置换检验与 McNemar 精确检验（双侧）；Holm 与 Bonferroni 按这 {tests} 次检验校正。",
            en=f"p: paired permutation by group, exact McNemar, two-sided; Holm, Bonferroni over these {tests} tests.",
        ),
        Bilingual(
            zh="可测出的差：真实差异不小于此值时，有 80% 的把握测出；更小的差异，测不出不等于没有。",
            en="detectable: a true difference of this size is found 4 times in 5; a smaller one is easily missed.",
        ),
    ]
