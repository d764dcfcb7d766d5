"""Probabilities from scores of which some may not be known."""

from mentalglm.calibration import Calibration
from mentalglm.tasks import Task

# A label that the endpoint does not tell is less likely than the twenty it does.
_UNTOLD = -10_000.0


def probabilities_of(scores: dict[str, float], task: Task, calibration: Calibration) -> list[float]:
    """Calibrated, in the task's canonical order; what is not told counts as 0 here and is null in an Analysis."""
    import torch

    from mentalglm.decoding.labels import label_probabilities

    row = torch.tensor([[scores.get(name, _UNTOLD) for name in task.label_names]])
    found = label_probabilities(row, task, calibration)[0].tolist()
    return [p if name in scores else 0.0 for name, p in zip(task.label_names, found, strict=True)]
