"""A stated prevalence: probabilities and thresholds for a place where labels hold more or less often than in the data.

A corpus collected from a suicide forum holds a positive in every second post; the stream it will be used on, one in a
hundred. What the model sees of a label stays the same, its prior does not (Saerens, Latinne and Decaestecker 2002,
Neural Computation 14:21-41). Probabilities are shifted by :func:`mentalglm.calibration.prior_shift`; thresholds are
fitted on validation rows weighted to the stated prevalence.
"""

from collections.abc import Mapping, Sequence

import torch

from mentalglm.calibration import Calibration, LabelCalibration
from mentalglm.errors import UserError
from mentalglm.tasks import Task


def read_prevalence(stated: Sequence[str], task: Task) -> dict[str, float]:
    """Reads what ``--prevalence`` was given: ``0.02`` for the positive label of a task of two, else ``LABEL=0.02``.

    Raises:
        UserError: A value is not a share between 0 and 1, names no label of the task, or all together exceed 1 in a
            task whose labels exclude one another.
    """
    found: dict[str, float] = {}
    for words in stated:
        name, named, number = words.rpartition("=")
        label = name.strip() if named else task.binary_label
        if label is None:
            example = f"{task.label_names[-1]}={words}"
            raise UserError(f"--prevalence {words}: {task.name} has no single positive label; write such as {example}")
        if label not in task.label_names:
            known = ", ".join(task.label_names)
            raise UserError(f"--prevalence {words}: {label!r} is not a label of {task.name}; it has {known}")
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if not 0 < value < 1:
            raise UserError(f"--prevalence {words}: give a share above 0 and below 1, such as 0.02")
        found[label] = value
    total = sum(found.values())
    whole = len(found) == len(task.labels)
    if found and not task.many and (abs(total - 1) > 1e-6 if whole else total >= 1):
        need = "exactly 1" if whole else "less than 1"
        raise UserError(f"--prevalence: the labels of {task.name} exclude one another; {total:g} must be {need}")
    return found


def add_prevalence(calibration: Calibration, gold: torch.Tensor, task: Task, prevalence: Mapping[str, float]) -> None:
    """Writes into ``calibration`` how often each label held in ``gold`` and holds by ``prevalence``.

    Of labels that exclude one another, those not named share what is left, in proportion to the data. In multi-label
    tasks, those not named stay as frequent as they were.
    """
    # Half a row more each way: a label that the data lack is rare, not impossible.
    count, more = float(len(gold)), 1.0 if task.many else 0.5 * len(task.labels)
    seen = [(found + 0.5) / (count + more) for found in gold.sum(dim=0).tolist()]
    shares = dict(zip(task.label_names, seen, strict=True))
    others = sum(share for name, share in shares.items() if name not in prevalence)
    left = (1 - sum(prevalence.values())) / others if others else 0.0
    for name, share in shares.items():
        if task.many and name not in prevalence:
            continue
        label = calibration.labels.setdefault(name, LabelCalibration())
        label.share, label.prevalence = round(share, 6), round(prevalence.get(name, share * left), 8)


def cell_weights(gold: torch.Tensor, task: Task, calibration: Calibration) -> torch.Tensor:
    """(N, labels): what each cell counts, so that the rows stand for the stated prevalence; all 1 without one."""
    known = [calibration.of(name) for name in task.label_names]
    ratios = [(label.prevalence or 1.0, label.share or 1.0) for label in known]
    holds = torch.tensor([stated / seen for stated, seen in ratios])
    if not task.many:
        return (gold * holds).sum(dim=1, keepdim=True).expand_as(gold)
    fails = torch.tensor([1.0 if seen == 1.0 else (1 - stated) / (1 - seen) for stated, seen in ratios])
    return torch.where(gold > 0, holds, fails)
