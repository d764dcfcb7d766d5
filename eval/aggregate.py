"""Runs of the same samples under several training seeds: mean and spread, and tests over seeds and over samples."""

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from eval.align import Aligned, align
from eval.compare import comparable, named_measures, paired_sums
from eval.folder import write_json
from eval.intervals import LEVEL, RESAMPLES, SEED, bootstrap, detectable
from eval.measure import headline, measure, shown
from eval.reporting import tables
from eval.score import number
from eval.significance import PERMUTATIONS, adjusted, permutation_p
from eval.sums import Floats, Sums
from mentalglm.errors import UserError
from mentalglm.metrics import percentile_ends
from mentalglm.tasks import Bilingual, Task

AGGREGATE = "aggregate.json"


def aggregate_folders(
    folders: list[Path],
    against: list[Path] | None = None,
    *,
    common: bool = False,
    tested: list[str] | None = None,
    permutations: int = PERMUTATIONS,
    out: Path | None = None,
) -> dict[str, Any]:
    """Sums up runs that differ in their seed alone, and writes the result.

    Args:
        folders: The runs.
        against: Runs of another model, to compare with; again one per seed.
        common: Take the shared tasks and samples where runs answered different ones.
        tested: The measures to test; each task's headline by default, ``["all"]`` for every one.
        permutations: Random swaps of the test over samples.
        out: The file; ``aggregate.json`` in the first folder by default.

    Returns:
        Per task and measure ``mean``, ``sd`` and ``values`` of the runs, and the interval of the mean: ``seeds_low``,
        ``seeds_high`` over seeds (Student's t: another training on the same test posts), ``low``, ``high`` over seeds
        and groups of posts together (another training, and other posts). With ``against``, the same of the other runs
        and the difference of the means (these − those), its interval and the smallest true one that would be found 4
        times in 5 (``detectable``), with ``p_seeds`` (Welch's t over seeds) and ``p_items`` (paired
        permutation of groups, the seeds as they are), adjusted by Holm over the whole result.

    Raises:
        UserError: One run alone, or runs of different samples.
    """
    if len(folders) < 2:
        raise UserError(f"{len(folders)} run to aggregate; give a folder per seed, two or more")
    aligned = align([*folders, *(against or [])], common)
    result: dict[str, Any] = {
        "runs": [folder.name for folder in folders],
        "against": [folder.name for folder in against or []],
        "tasks": {each.task.name: _aggregate(each, len(folders), tested, permutations) for each in aligned},
        "bootstrap": {"resamples": RESAMPLES, "seed": SEED, "level": LEVEL, "over": ["seeds", "group"]},
    }
    result["tests"] = _adjust(result["tasks"])
    write_json(out or folders[0] / AGGREGATE, result)
    return result


def _aggregate(each: Aligned, own: int, tested: list[str] | None, permutations: int) -> dict[str, Any]:
    runs = comparable(each.runs)
    values = [named_measures(run, each.task) for run in runs]
    names = list(values[0])
    table = np.array([[found[name] for name in names] for found in values])
    sums, groups = paired_sums(runs, each.task)
    drawn = _draws(groups, sums, each.task, names, own)
    chosen = [headline(each.task, names, each.manifests[0])] if tested is None else tested
    scores = {name: _summary(table[:own, i], drawn[0][:, i]) for i, name in enumerate(names)}
    if own < len(runs):
        p = _p_items(groups, sums, each.task, names, own, permutations)
        for i, name in enumerate(names):
            ours, theirs = table[:own, i], table[own:, i]
            scores[name]["against"] = _summary(theirs, drawn[1][:, i])
            scores[name]["difference"] = _difference(ours, theirs, drawn[0][:, i] - drawn[1][:, i])
            if name in chosen or "all" in chosen:
                scores[name]["difference"] |= {"p_seeds": _p_seeds(ours, theirs), "p_items": number(p[i])}
    return {"n": len(runs[0]), "groups": groups[0].shape[0], "left_out": each.left_out, "metrics": scores}


def _draws(groups: list[Any], sums: Sums, task: Task, names: list[str], own: int) -> list[Floats]:
    """Means over seeds of both models, the groups drawn for all runs alike and the seeds of each model by themselves.

    Returns:
        Shape ``(resamples, metrics)`` for these runs and, where there are others, for those.
    """
    from scipy.sparse import hstack

    generator = np.random.default_rng(SEED)
    models = [range(own), range(own, len(groups))] if own < len(groups) else [range(own)]

    def formula(totals: Floats) -> Floats:
        found = np.stack([_named(part, sums, task, names) for part in np.split(totals, len(groups), axis=1)])
        means = []
        for model in models:
            seeds = generator.choice(model, size=(len(totals), len(model)))
            means.append(found[seeds, np.arange(len(totals))[:, None]].mean(axis=1))
        return np.concatenate(means, axis=1)

    drawn = bootstrap(hstack(groups, format="csr"), formula) if groups[0].shape[0] > 1 else None
    width = len(names) * len(models)
    return np.split(np.full((1, width), np.nan) if drawn is None else drawn, len(models), axis=1)


def _p_items(groups: list[Any], sums: Sums, task: Task, names: list[str], own: int, permutations: int) -> Floats:
    """Swaps each group's answers between the models, run by run in order; needs as many runs of each."""
    if 2 * own != len(groups):
        return np.full(len(names), np.nan)
    from scipy.sparse import hstack

    def formula(totals: Floats) -> Floats:
        parts = [_named(part, sums, task, names) for part in np.split(totals, own, axis=1)]
        return np.asarray(np.mean(parts, axis=0))

    ours, theirs = hstack(groups[:own], format="csr"), hstack(groups[own:], format="csr")
    return permutation_p(theirs, ours, formula, permutations=permutations)


def _p_seeds(ours: Floats, theirs: Floats) -> float | None:
    """Welch's t-test over seeds; undefined with one seed, or without any spread."""
    from scipy.stats import ttest_ind

    if min(len(ours), len(theirs)) < 2 or not (np.ptp(ours) > 0 or np.ptp(theirs) > 0):
        return None
    return number(float(ttest_ind(ours, theirs, equal_var=False).pvalue))


def _summary(values: Floats, drawn: Floats) -> dict[str, Any]:
    from scipy.stats import t

    mean, several = values.mean(), len(values) > 1
    sd = values.std(ddof=1) if several else np.nan
    reach = t.ppf(0.5 + LEVEL / 2, len(values) - 1) * sd / np.sqrt(len(values)) if several else np.nan
    low, high = percentile_ends(drawn, LEVEL)
    ends = {"seeds_low": mean - reach, "seeds_high": mean + reach, "low": low, "high": high}
    return {
        "mean": number(mean),
        "sd": number(sd),
        "values": [number(value) for value in values],
        **{name: number(end) for name, end in ends.items()},
    }


def _difference(ours: Floats, theirs: Floats, drawn: Floats) -> dict[str, Any]:
    low, high = percentile_ends(drawn, LEVEL)
    least = number(detectable(drawn[:, None])[0])
    return {"value": number(ours.mean() - theirs.mean()), "low": number(low), "high": number(high), "detectable": least}


def _named(totals: Floats, sums: Sums, task: Task, names: list[str]) -> Floats:
    found = shown(measure(sums.read(totals), task))
    return np.stack([found[name] for name in names], axis=1)


def _adjust(tasks: dict[str, Any]) -> int:
    """Writes ``…_holm`` beside every p-value of the result; returns how many there are."""
    scores = [
        score["difference"] for task in tasks.values() for score in task["metrics"].values() if "difference" in score
    ]
    tests = [(score, key) for score in scores for key in ("p_seeds", "p_items") if score.get(key) is not None]
    for (score, key), p in zip(tests, adjusted([score[key] for score, key in tests], "holm"), strict=True):
        score[f"{key}_holm"] = p
    return len(tests)


def print_aggregate(console: Console, result: dict[str, Any]) -> None:
    """Prints one table per task."""
    both = bool(result["against"])
    columns = [
        Bilingual(zh="均值 ± 标准差", en="mean ± sd"),
        Bilingual(zh="95% 区间（种子）", en="95%, seeds"),
        Bilingual(zh="95% 区间（种子与帖子）", en="95%, seeds and posts"),
    ]
    if both:
        columns += [
            Bilingual(zh="对照：均值 ± 标准差", en="against: mean ± sd"),
            Bilingual(zh="差", en="difference"),
            Bilingual(zh="95% 区间", en="95% interval"),
            Bilingual(zh="可测出的差", en="detectable"),
            Bilingual(zh="p（种子）Holm", en="p seeds, Holm"),
            Bilingual(zh="p（帖子）Holm", en="p posts, Holm"),
        ]
    for name, task in result["tasks"].items():
        made = tables.table(f"{tables.task_title(name)}: n = {task['n']}, {len(result['runs'])} runs", *columns)
        for metric, score in task["metrics"].items():
            seeds = tables.interval({"low": score["seeds_low"], "high": score["seeds_high"]})
            cells = [_spread(score), seeds, tables.interval(score)]
            if both:
                change = score["difference"]
                cells += [_spread(score["against"]), tables.value(change["value"], signed=True)]
                cells += [tables.interval(change, signed=True), tables.value(change["detectable"])]
                cells += [tables.chance(change[p]) if p in change else "" for p in ("p_seeds_holm", "p_items_holm")]
            made.add_row(tables.measure_title(metric), *cells)
        tables.show(console, made)
    note = Bilingual(
        zh="种子区间：同一批帖子，换一次训练；种子与帖子区间：训练与帖子都换。种子少时两者都很宽。",
        en="over seeds: trained again, same posts; over seeds and posts: other posts too. Few seeds make both wide.",
    )
    tables.show(console, None, note)


def _spread(score: dict[str, Any]) -> str:
    return f"{tables.value(score['mean'])} ± {tables.value(score['sd'])}"
