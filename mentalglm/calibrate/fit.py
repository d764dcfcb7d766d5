"""The calibration of least log loss, the thresholds of highest F1 and the bands of an error rate, from one set of rows.

Scores and gold labels are of shape (N, labels), in the task's canonical order; gold is 1 where the label holds.
"""

from collections.abc import Mapping

import torch

from mentalglm.calibrate.conformal import add_bands
from mentalglm.calibrate.prevalence import add_prevalence, cell_weights
from mentalglm.calibration import Calibration, LabelCalibration
from mentalglm.decoding.labels import label_probabilities
from mentalglm.tasks import Task

_TEMPERATURES = (0.05, 20.0)


def fit(
    scores: torch.Tensor,
    gold: torch.Tensor,
    task: Task,
    prevalence: Mapping[str, float] | None = None,
    error_rate: float | None = None,
) -> Calibration:
    """The calibration of ``task``: thresholds of highest F1 (of micro-F1 in multi-label tasks).

    Args:
        scores: (N, labels), as the model gives them.
        gold: (N, labels), 1 where the label holds.
        task: The task.
        prevalence: How often labels hold where the model will be used; probabilities and thresholds are for that.
        error_rate: What abstention is chosen for; None for a calibration that never abstains.

    Raises:
        UserError: There are too few rows for the error rate.
    """
    if task.many:
        slopes = [_fit_slope(scores[:, k], gold[:, k]) for k in range(len(task.labels))]
        labels = {name: LabelCalibration(a=a, b=b) for name, (a, b) in zip(task.label_names, slopes, strict=True)}
        calibration = Calibration(labels=labels)
    else:
        calibration = Calibration(temperature=_fit_temperature(scores, gold))
    if prevalence:
        add_prevalence(calibration, gold, task, prevalence)
    probabilities, weights = label_probabilities(scores, task, calibration), cell_weights(gold, task, calibration)
    if task.many:
        # Once probabilities are calibrated, micro-F1 is highest with one threshold for all labels; a threshold of each
        # label's own would be fitted on a dozen positives.
        threshold = best_threshold(probabilities.flatten(), gold.flatten(), weights.flatten())
        for label in calibration.labels.values():
            label.threshold = threshold
    elif task.binary_label is not None:
        column = task.label_names.index(task.binary_label)
        threshold = best_threshold(probabilities[:, column], gold[:, column], weights[:, column])
        # Half-way to the most probable label: with few positives the best cut is partly luck.
        label = calibration.labels.setdefault(task.binary_label, LabelCalibration())
        label.threshold = round((threshold + 0.5) / 2, 4)
    if error_rate is not None:
        add_bands(calibration, probabilities, gold, task, error_rate)
    return calibration


def best_threshold(probabilities: torch.Tensor, gold: torch.Tensor, weights: torch.Tensor | None = None) -> float:
    """The threshold of highest F1, in the middle of the gap that it cuts.

    Args:
        probabilities: (N,).
        gold: (N,), 0 or 1.
        weights: (N,), what each row counts; all the same by default.
    """
    order = probabilities.argsort(descending=True)
    weights = torch.ones_like(gold) if weights is None else weights
    hits = (gold * weights)[order].cumsum(0)
    f1 = 2 * hits / (weights[order].cumsum(0) + (gold * weights).sum()).clamp(min=1e-9)
    best = int(f1.argmax())
    sorted_p = probabilities[order]
    below = float(sorted_p[best + 1]) if best + 1 < len(sorted_p) else 0.0
    return round((float(sorted_p[best]) + below) / 2, 4)


def _fit_temperature(scores: torch.Tensor, gold: torch.Tensor) -> float:
    log_t = torch.zeros(1, requires_grad=True)

    def loss() -> torch.Tensor:
        return -((scores / log_t.exp()).log_softmax(dim=1) * gold).sum(dim=1).mean()

    _minimise(loss, [log_t])
    # Where the scores are always right, or always wrong, the best temperature is 0 or infinite.
    return round(float(log_t.detach().exp().clamp(*_TEMPERATURES)), 4)


def _fit_slope(scores: torch.Tensor, gold: torch.Tensor) -> tuple[float, float]:
    """Logistic regression of one label on its score (Platt scaling), kept from overfitting by a light penalty on a."""
    a, b = torch.ones(1, requires_grad=True), torch.zeros(1, requires_grad=True)

    def loss() -> torch.Tensor:
        logits = a * scores + b
        fit = torch.nn.functional.binary_cross_entropy_with_logits(logits, gold)
        return fit + 0.01 * (a - 0.5).square().sum()

    _minimise(loss, [a, b])
    if a.item() <= 0:  # a score that misleads is worth nothing: what is left is how often the label holds
        return 0.0, round(float(gold.mean().clamp(0.001, 0.999).logit()), 4)
    return round(a.item(), 4), round(b.item(), 4)


def _minimise(loss: object, parameters: list[torch.Tensor]) -> None:
    optimizer = torch.optim.LBFGS(parameters, max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value: torch.Tensor = loss()  # type: ignore[operator]
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(closure)  # type: ignore[no-untyped-call]
