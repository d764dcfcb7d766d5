"""Means and agreement of experts' ratings, each with an interval."""

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instructions.review.aspects import SCALE
from instructions.review.ratings import Ratings
from mentalglm.agreement import Estimate, cohen_kappa, fleiss_kappa, icc, krippendorff_alpha
from mentalglm.metrics import bootstrap_interval

Scores = NDArray[np.float64]


def statistics(ratings: Ratings) -> dict[str, Any]:
    """Everything the report says, as JSON can hold it; an undefined number is None."""
    tasks = [row["task"] for row in ratings.key["rows"]]
    return {
        "review": ratings.key["review"],
        "rows": len(tasks),
        "experts": ratings.experts,
        "comments": len(ratings.comments),
        "faults": ratings.faults,
        "aspects": {name: _aspect(scores, ratings.experts, tasks) for name, scores in ratings.scores.items()},
    }


def _aspect(scores: Scores, experts: list[str], tasks: list[str]) -> dict[str, Any]:
    rows = {task: [place for place, one in enumerate(tasks) if one == task] for task in sorted(set(tasks))}
    return {
        "mean": _plain(_mean(scores)),
        "by_task": {task: _plain(_mean(scores[places])) for task, places in rows.items()},
        "by_expert": {name: _plain(_mean(scores[:, [place]])) for place, name in enumerate(experts)},
        "agreement": _agreement(scores, experts) if len(experts) > 1 else {},
    }


def _mean(scores: Scores) -> Estimate:
    """The mean of the rows' means over those who rated them; the interval resamples rows."""
    rated = ~np.isnan(scores)
    kept = rated.any(axis=1)
    means = np.where(rated, scores, 0.0)[kept].sum(axis=1) / rated[kept].sum(axis=1)
    if not len(means):
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    low, high = bootstrap_interval(lambda values: float(values.mean()), means)
    return Estimate(float(means.mean()), float(low), float(high), len(means))


def _agreement(scores: Scores, experts: list[str]) -> dict[str, Any]:
    whole = scores[~np.isnan(scores).any(axis=1)]
    counts = np.stack([(whole == score).sum(axis=1) for score in SCALE], axis=1)
    columns = [[None if np.isnan(score) else int(score) for score in column] for column in scores.T]
    pairs: dict[str, Any] = {}
    for one, other in combinations(range(len(experts)), 2):
        pairs[f"{experts[one]} / {experts[other]}"] = {
            "cohen_kappa": _plain(cohen_kappa(columns[one], columns[other])),
            "cohen_kappa_quadratic": _plain(cohen_kappa(columns[one], columns[other], "quadratic", order=list(SCALE))),
        }
    return {
        "krippendorff_alpha_ordinal": _plain(krippendorff_alpha(scores, "ordinal")),
        "fleiss_kappa": _plain(fleiss_kappa(counts)),
        "icc_single": _plain(icc(scores, "A,1")),
        "icc_mean_of_experts": _plain(icc(scores, "A,k")),
        "pairs": pairs,
    }


def _plain(estimate: Estimate) -> dict[str, Any]:
    numbers = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    return {**{name: None if np.isnan(value) else round(value, 4) for name, value in numbers.items()}, "n": estimate.n}
