"""Answers for rows left out: five parts, each answered by a calibration fitted on the other four."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mentalglm.calibrate.fit import fit
from mentalglm.calibrate.measures import Flags, Floats
from mentalglm.calibrate.prevalence import add_prevalence, cell_weights
from mentalglm.calibration import Calibration
from mentalglm.decoding.abstain import in_play
from mentalglm.decoding.labels import decide, label_probabilities
from mentalglm.errors import UserError
from mentalglm.tasks import Task

_PARTS = 5


@dataclass(frozen=True)
class LeftOut:
    """Arrays of shape (N, labels).

    Attributes:
        gold: What was true.
        weights: What each cell counts, by the stated prevalence.
        before: Uncalibrated probabilities.
        after: Calibrated ones.
        decided: What is decided if nothing is held back.
        open: What is in play where something is held back.
    """

    gold: Flags
    weights: Floats
    before: Floats
    after: Floats
    decided: Flags
    open: Flags


def answer_left_out(
    scores: torch.Tensor,
    gold: torch.Tensor,
    groups: Sequence[str],
    task: Task,
    prevalence: Mapping[str, float] | None,
    error_rate: float | None,
) -> LeftOut | None:
    """What is said of every row by a calibration fitted without its fifth; arguments as ``report.measure``.

    Returns:
        None where four fifths of the rows are too few.
    """
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    parts = torch.tensor([numbers[group] % _PARTS for group in groups])
    after = torch.zeros_like(scores)
    decided, still_open = np.zeros(gold.shape, bool), np.zeros(gold.shape, bool)
    if len(numbers) < _PARTS:
        return None
    for part in range(_PARTS):
        out = parts == part
        try:
            calibration = fit(scores[~out], gold[~out], task, prevalence, error_rate)
        except UserError:
            return None
        after[out] = label_probabilities(scores[out], task, calibration)
        for place in out.nonzero()[:, 0].tolist():
            row = after[place].tolist()
            labels = decide(row, task, calibration)
            play = in_play(labels, row, task, calibration)
            decided[place] = [name in labels for name in task.label_names]
            still_open[place] = [name in play for name in task.label_names]
    plain = Calibration()
    if prevalence:
        add_prevalence(plain, gold, task, prevalence)
    before, weights = label_probabilities(scores, task, plain), cell_weights(gold, task, plain)
    truth = gold.numpy() > 0
    return LeftOut(
        truth, weights.double().numpy(), before.double().numpy(), after.double().numpy(), decided, still_open
    )
