"""Bands of split conformal prediction for a stated error rate; what they mean stands in ``mentalglm.decoding.abstain``.

The order of the rows is all that a band depends on. Neither a temperature over two labels nor a slope changes it, so
there the bands hold exactly although both were fitted on the same rows; over more labels and on scales a temperature,
one number, shifts it slightly, and the tests measure that coverage still holds.
"""

import math

import torch

from mentalglm.calibration import Calibration, LabelCalibration
from mentalglm.decoding.abstain import plausibility
from mentalglm.errors import UserError
from mentalglm.tasks import Crisis, Task


def rows_needed(error_rate: float) -> int:
    """How many rows of a label its guarantee at ``error_rate`` takes; see :func:`lower_bound`."""
    return math.ceil(1 / error_rate - 1e-9) - 1


def check_error_rate(error_rate: float | None) -> None:
    """Refuses what is no error rate.

    Raises:
        UserError: It is not above 0 and below 0.5.
    """
    if error_rate is not None and not 0 < error_rate < 0.5:
        raise UserError(f"--error-rate {error_rate:g}: give a share above 0 and below 0.5, such as 0.1")


def add_bands(
    calibration: Calibration, probabilities: torch.Tensor, gold: torch.Tensor, task: Task, error_rate: float
) -> None:
    """Writes into ``calibration`` from where on each label is in play, by the rows that carry it.

    A label with fewer rows than :func:`rows_needed` has the widest bound that they give: it is lost in one of n + 1
    posts that carry it, not in fewer. One without rows has the bound of all rows, and no guarantee.

    Raises:
        UserError: All rows together are too few for the error rate.
    """
    if len(gold) < rows_needed(error_rate):
        what = f"an error rate of {error_rate:g} needs at least {rows_needed(error_rate)} rows; there are {len(gold)}"
        raise UserError(f"{task.name}: {what}", "too_few_rows")
    values = torch.tensor([plausibility(row, task) for row in probabilities.tolist()], dtype=torch.float64)
    held = gold > 0
    for place, name in enumerate(task.label_names):
        own, others = values[held[:, place], place], values[~held[:, place], place]
        pooled = task.kind == "ordinal" or not len(own)
        label = calibration.labels.setdefault(name, LabelCalibration())
        label.possible = _down(lower_bound(values[held] if pooled else own, error_rate))
        if task.many:
            label.certain = -_down(lower_bound(-(others if len(others) else values[~held]), error_rate))
    if task.kind == "ordinal":
        for crisis, places in _by_crisis(task).items():
            own = probabilities[:, places].sum(dim=1).double()[held[:, places].any(dim=1)]
            if len(own):
                calibration.crises[crisis] = _down(lower_bound(own, error_rate))
    calibration.error_rate = error_rate


def guaranteed(task: Task) -> dict[str, list[int]]:
    """What has a guarantee of its own, by name: the places of one label each, or of all levels of a crisis value."""
    if task.kind == "ordinal":
        return {f"crisis {crisis}": places for crisis, places in _by_crisis(task).items()}
    return {name: [place] for place, name in enumerate(task.label_names)}


def too_rare(gold: torch.Tensor, task: Task, error_rate: float) -> list[str]:
    """What has too few rows for its guarantee."""
    need = rows_needed(error_rate)
    return [name for name, places in guaranteed(task).items() if float(gold[:, places].sum()) < need]


def lower_bound(values: torch.Tensor, error_rate: float) -> float:
    """The value that a new draw falls below with a chance of at most ``error_rate``, or 1 / (n + 1) if that is more.

    The k-th smallest of n exchangeable values, k = floor(error_rate * (n + 1)): a new one is below it with a chance of
    at most k / (n + 1). Of no values, minus one: nothing is below it.
    """
    k = max(1, math.floor(error_rate * (len(values) + 1) + 1e-9))
    return float(values.sort().values[k - 1]) if len(values) else -1.0


def _by_crisis(task: Task) -> dict[Crisis, list[int]]:
    found: dict[Crisis, list[int]] = {}
    for place, label in enumerate(task.labels):
        found.setdefault(label.crisis, []).append(place)
    return found


def _down(bound: float) -> float:
    """Rounded to where an Analysis is rounded, and so that never less is in play."""
    return math.floor(bound * 1e6) / 1e6
