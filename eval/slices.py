"""Scores by slices of the posts (length, language, platform, time …), and the gaps between them."""

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from eval.arrays import Arrays
from eval.columns import column_of, into_slices
from eval.folder import write_json
from eval.intervals import LEVEL, RESAMPLES, SEED, detectable, grouped, intervals
from eval.measure import OF_PROBABILITIES, headline, measure, shown
from eval.reporting import tables
from eval.samples import task_arrays
from eval.score import number
from eval.sums import RANKS, Floats, Sums, shared_edges, to_sums
from mentalglm.errors import UserError
from mentalglm.tasks import Bilingual, Task

SLICES = "slices.json"
# Scores of fewer posts swing too widely to be read one by one.
FEW = 30


def slice_folder(
    folder: Path,
    columns: list[str],
    data: Path | None = None,
    *,
    task: str | None = None,
    shown: list[str] | None = None,
    parts: int = 4,
    out: Path | None = None,
) -> dict[str, Any]:
    """Scores each slice of a run, and writes the result.

    Args:
        folder: The run.
        columns: By what the posts are divided, each by itself; see :func:`eval.columns.column_of`.
        data: The file of posts that was run; ``length`` and ``language`` need it only where an older run did not keep
            them.
        task: The task, where the run has several.
        shown: The measures; parse rate and the task's headline by default.
        parts: Numbers and dates are divided into so many parts.
        out: The file; ``slices.json`` in the folder by default.

    Returns:
        Per column and slice ``n``, ``groups`` and per measure its value, and its ``gap`` to all other posts with an
        interval and the smallest gap that would have been found; per column the ``spread``, greatest less smallest
        (which is above 0 by chance alone: look at its interval, and at single gaps).

    Raises:
        UserError: The task or the file is not the run's, a column needs the file, or cannot divide the posts.
    """
    made = task_arrays(folder)
    if task is None and len(made) > 1:
        raise UserError(f"{folder} holds {len(made)} tasks ({', '.join(made)}); name one with --task")
    name = task or next(iter(made))
    if name not in made:
        raise UserError(f"{folder} holds no task {name!r}; it has {', '.join(made)}")
    known, manifest, arrays = made[name]
    measured = measure_names(arrays, known)
    measures = shown or ["parse_rate", headline(known, measured, manifest)]
    if unknown := [name for name in measures if name not in measured]:
        raise UserError(f"{name} is not scored by {unknown[0]!r}; its measures are {', '.join(measured)}")
    rows = set(arrays.row.tolist())
    kept = kept_columns(arrays) if data is None else {}

    def sliced(column: str) -> dict[int, str]:
        if data is not None:
            return column_of(column, data, manifest, rows, parts)
        if column not in kept:
            own = f"; the run itself keeps {' and '.join(kept)}" if kept else ""
            raise UserError(f"--by {column} needs --data, the file of posts that the run answered{own}")
        return into_slices(column, kept[column], parts)

    result = {
        "task": name,
        "measures": measures,
        "columns": {column: slice_by(arrays, known, sliced(column), measures) for column in columns},
        "bootstrap": {"resamples": RESAMPLES, "seed": SEED, "level": LEVEL, "clustered_by": "group"},
    }
    write_json(out or folder / SLICES, result)
    return result


def kept_columns(arrays: Arrays) -> dict[str, dict[int, Any]]:
    """What a run keeps of each post beside its hash, by row number: ``length`` in characters and ``language``."""
    found: dict[str, dict[int, Any]] = {}
    rows = arrays.row.tolist()
    if not np.isnan(arrays.lengths).all():
        lengths = arrays.lengths.tolist()
        found["length"] = {row: None if x != x else int(x) for row, x in zip(rows, lengths, strict=True)}
    if (arrays.languages != "").any():
        found["language"] = dict(zip(rows, arrays.languages.tolist(), strict=True))
    return found


def kept_slices(runs: list[Arrays], parts: int = 4) -> dict[str, list[dict[int, str]]]:
    """By column that the runs themselves keep, each run's slices by row number, cut at the same places for all runs.

    Args:
        runs: The samples of each run.
        parts: Lengths are divided into so many parts.

    Returns:
        No column in which all posts are alike.
    """
    kept = [kept_columns(run) for run in runs]
    found = {}
    for column in dict.fromkeys(name for columns in kept for name in columns):
        pooled = {(i, row): value for i, each in enumerate(kept) for row, value in each.get(column, {}).items()}
        places = list(pooled)
        names = into_slices(column, dict(enumerate(pooled.values())), parts)
        if len(set(names.values())) > 1:
            found[column] = [
                {row: names[at] for at, (place, row) in enumerate(places) if place == i} for i in range(len(runs))
            ]
    return found


def measure_names(arrays: Arrays, task: Task) -> list[str]:
    """The names of the measures that the rows allow."""
    sums = to_sums(arrays, task, shared_edges([arrays], task))
    return list(shown(measure(sums.read(np.zeros((1, sums.matrix.shape[1]))), task)))


def slice_by(arrays: Arrays, task: Task, slices: dict[int, str], measures: list[str]) -> dict[str, Any]:
    """The slices of one column; ``slices`` has a name for every row number."""
    names = np.array([slices[int(row)] for row in arrays.row])
    values = np.unique(names)
    masks = [names == value for value in values]

    def summed(ranks: int | None) -> Sums:
        ranked = any(name in OF_PROBABILITIES for name in measures)
        return to_sums(arrays, task, shared_edges([arrays], task, ranks=ranks) if ranked else [])

    exact = summed(None)
    point = _formula(exact, task, measures, len(values))(_side_by_side(exact, masks).sum(axis=0).reshape(1, -1))[0]
    sums = summed(RANKS)
    groups = grouped(_side_by_side(sums, masks), arrays.groups)
    found = intervals(groups, _formula(sums, task, measures, len(values)), point)
    least = detectable(found.draws)

    def score(place: int) -> dict[str, Any]:
        return {"value": number(point[place]), "low": number(found.low[place]), "high": number(found.high[place])}

    width, gaps = len(measures), len(measures) * len(values)
    return {
        "slices": [
            {
                "value": str(value),
                "n": int(mask.sum()),
                "groups": len(np.unique(arrays.groups[mask])),
                "metrics": {
                    name: {
                        **score(i * width + j),
                        "gap": {**score(gaps + i * width + j), "detectable": number(least[gaps + i * width + j])},
                    }
                    for j, name in enumerate(measures)
                },
            }
            for i, (value, mask) in enumerate(zip(values, masks, strict=True))
        ],
        "spread": {name: score(2 * gaps + j) for j, name in enumerate(measures)},
    }


def _side_by_side(sums: Sums, masks: list[Any]) -> Any:
    """The rows' sums with own columns for every slice."""
    from scipy.sparse import diags, hstack

    return hstack([diags(mask.astype(float)) @ sums.matrix for mask in masks], format="csr")


def _formula(sums: Sums, task: Task, measures: list[str], slices: int) -> Any:
    """From totals of all slices to their measures, the gaps to all other posts, and greatest less smallest."""

    def named(totals: Floats) -> Floats:
        flat = totals.reshape(-1, totals.shape[-1])
        found = shown(measure(sums.read(flat), task))
        return np.stack([found[name] for name in measures], -1).reshape(*totals.shape[:-1], len(measures))

    def formula(totals: Floats) -> Floats:
        each = np.asarray(totals).reshape(len(totals), slices, -1)
        inside, outside = named(each), named(each.sum(axis=1, keepdims=True) - each)
        spread = inside.max(axis=1) - inside.min(axis=1)
        return np.concatenate([inside.reshape(len(totals), -1), (inside - outside).reshape(len(totals), -1), spread], 1)

    return formula


def print_slices(console: Console, result: dict[str, Any]) -> None:
    """Prints one table per column."""
    for column, found in result["columns"].items():
        heads = [Bilingual(zh="帖子数", en="posts"), Bilingual(zh="组数", en="groups")]
        for name in result["measures"]:
            heads += [
                Bilingual(zh=name, en="95%"),
                Bilingual(zh="与其余帖子之差", en="gap to the others"),
                Bilingual(zh="可测出的差", en="detectable"),
            ]
        made = tables.table(f"{tables.task_title(result['task'])}: {column}", *heads)
        for each in found["slices"]:
            cells = [f"{each['n']}{' *' if each['n'] < FEW else ''}", str(each["groups"])]
            for score in each["metrics"].values():
                gap = score["gap"]
                cells.append(f"{tables.value(score['value'])} {tables.interval(score)}")
                cells.append(f"{tables.value(gap['value'], signed=True)} {tables.interval(gap, signed=True)}")
                cells.append(tables.value(gap["detectable"]))
            made.add_row(tables.plain(each["value"]), *cells)
        tables.show(console, made)
    few = Bilingual(zh=f"* 少于 {FEW} 条，请勿单独解读。", en=f"* fewer than {FEW} posts: not to be read by itself.")
    gap = Bilingual(
        zh="区间含 0 的差，不能说存在差异；小于“可测出的差”的差异，本数据也难以发现。",
        en="a gap whose interval holds 0 is no difference shown; one below detectable could hardly be found here.",
    )
    tables.show(console, None, few, gap)
