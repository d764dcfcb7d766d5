"""From filled sheets to what a paper reports: means, agreement, comparisons; written beside the key."""

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.experts.comparison import mean_of, paired_differences, row_means, signed_rank
from eval.experts.key import read_key
from eval.experts.mixed_model import fit
from eval.experts.ratings import Ratings, read_ratings
from eval.experts.runs import GOLD
from eval.folder import write_json
from eval.intervals import LEVEL, RESAMPLES, SEED
from eval.score import number
from eval.significance import adjusted
from eval.sums import Floats
from mentalglm.errors import UserError
from mentalglm.rating.aspects import ASPECTS
from mentalglm.rating.statistics import agreement_of

RESULTS = "ratings.json"


def rate_sheets(files: list[Path], key_file: Path, out: Path | None = None) -> dict[str, Any]:
    """Reads filled sheets and writes the results.

    Args:
        files: The sheets, one per rater.
        key_file: The key that was written with them.
        out: The file; ``ratings.json`` beside the key by default.

    Returns:
        By aspect: the ``sources`` (runs, ``gold``) with mean, interval, share of 0, means by rater and by task;
        ``agreement``; ``comparisons`` of every two sources; ``mixed_model``. All p-values of Wilcoxon's tests form one
        family for Holm, those of the mixed model another.

    Raises:
        UserError: A file is no sheet of this key, or nothing was rated.
    """
    key = read_key(key_file)
    ratings = read_ratings(files, key)
    if not any((~np.isnan(scores)).any() for scores in ratings.scores.values()):
        raise UserError(f"no rating in {', '.join(path.name for path in files)}; give sheets that were filled in")
    rows = key["rows"]
    names = [run["name"] for run in key["runs"]] + ([GOLD] if key.get("gold") else [])
    columns = {
        "source": np.array([row["source"] for row in rows]),
        "task": np.array([row["task"] for row in rows]),
        "item": np.array([f"{row['task']}\n{row['id']}" for row in rows]),
        "group": np.array([row["group"] for row in rows]),
    }
    result = {
        "review": key["review"],
        "rows": len(rows),
        "sources": names,
        "raters": {name: _filled(ratings, place) for place, name in enumerate(ratings.raters)},
        "mistakes": ratings.mistakes,
        "aspects": {aspect.name: _aspect(ratings, aspect.name, names, columns) for aspect in ASPECTS},
        "bootstrap": {"resamples": RESAMPLES, "seed": SEED, "level": LEVEL, "clustered_by": "group"},
    }
    result["tests"] = _adjust(result["aspects"])
    write_json(out or key_file.parent / RESULTS, result)
    return result


def _filled(ratings: Ratings, rater: int) -> dict[str, int]:
    columns = [scores[:, rater] for scores in ratings.scores.values()]
    filled = sum(int((~np.isnan(column)).sum()) for column in columns)
    return {"filled": filled, "cells": sum(map(len, columns)), "comments": ratings.comments[rater]}


def _aspect(ratings: Ratings, name: str, sources: list[str], columns: dict[str, NDArray[Any]]) -> dict[str, Any]:
    scores, raters = ratings.scores[name], ratings.raters
    pairs = list(combinations(sources, 2))
    mixed = fit(scores, columns["source"], columns["item"], pairs)
    return {
        "sources": {source: _source(scores, columns["source"] == source, raters, columns) for source in sources},
        "agreement": agreement_of(scores, raters, columns["group"]) if len(raters) > 1 else {},
        "comparisons": [_compare(scores, *pair, columns, mixed["contrasts"]) for pair in pairs],
        "mixed_model": {key: value for key, value in mixed.items() if key != "contrasts"},
    }


def _source(scores: Floats, here: NDArray[np.bool_], raters: list[str], columns: dict[str, Any]) -> dict[str, Any]:
    means, groups = row_means(scores)[here], columns["group"][here]
    tasks = columns["task"][here]
    given = scores[here][~np.isnan(scores[here])]
    return {
        **mean_of(means, groups),
        "share_of_0": number(float((given == 0).mean())) if len(given) else None,
        "by_rater": {name: mean_of(scores[here, place], groups) for place, name in enumerate(raters)},
        "by_task": {str(task): mean_of(means[tasks == task], groups[tasks == task]) for task in np.unique(tasks)},
    }


def _compare(
    scores: Floats, first: str, second: str, columns: dict[str, NDArray[Any]], contrasts: dict[str, Any]
) -> dict[str, Any]:
    """Two sources, post by post; the difference is the second less the first."""
    rows = list(enumerate(zip(columns["source"], columns["item"], strict=True)))
    places = [{item: row for row, (source, item) in rows if source == name} for name in (first, second)]
    shared = [item for item in places[0] if item in places[1]]
    one, other = (np.array([mine[item] for item in shared], int) for mine in places)
    differences, groups = paired_differences(scores, one, other), columns["group"][one]
    return {
        "first": first,
        "second": second,
        "difference": mean_of(differences, groups, least=True),
        "wilcoxon": signed_rank(differences, groups),
        "mixed_model": contrasts.get(f"{first} / {second}"),
    }


def _adjust(aspects: dict[str, Any]) -> dict[str, int]:
    """Writes ``p_holm`` beside every p-value; returns how many there are, by test."""
    counts = {}
    for kind in ("wilcoxon", "mixed_model"):
        tests = [each[kind] for aspect in aspects.values() for each in aspect["comparisons"] if each[kind]]
        for test, p in zip(tests, adjusted([test["p"] for test in tests], "holm"), strict=True):
            test["p_holm"] = p
        counts[kind] = sum(test["p"] is not None for test in tests)
    return counts
