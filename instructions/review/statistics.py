"""Means and agreement of experts' ratings, each with an interval."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from instructions.review.ratings import Ratings
from mentalglm.agreement import Estimate
from mentalglm.metrics import bootstrap_interval
from mentalglm.rating.statistics import agreement_of, plain

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
        "mean": plain(_mean(scores)),
        "by_task": {task: plain(_mean(scores[places])) for task, places in rows.items()},
        "by_expert": {name: plain(_mean(scores[:, [place]])) for place, name in enumerate(experts)},
        "agreement": agreement_of(scores, experts) if len(experts) > 1 else {},
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
