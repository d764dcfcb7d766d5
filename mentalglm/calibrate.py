"""Fits what :mod:`mentalglm.calibration` stores, on validation rows that no training has seen."""

from collections.abc import Iterator
from pathlib import Path

import torch

from mentalglm.analyzer import Analyzer
from mentalglm.calibration import Calibration, LabelCalibration, load_calibrations, save_calibrations
from mentalglm.decoding.labels import label_probabilities
from mentalglm.errors import UserError
from mentalglm.models import EMBEDDED
from mentalglm.readers import LabelledRow, read_labelled
from mentalglm.tasks import Task, load_task

_TEMPERATURES = (0.05, 20.0)


def calibrate_model(model: str | None, tasks: list[str], data: Path) -> Iterator[str]:
    """Fits calibrations and stores them beside the model, each as soon as it is fitted.

    Args:
        model: Folder of the model, or None for the embedded one.
        tasks: Task names, or ``["all"]`` for those the model was taught.
        data: Labelled rows, or a folder with ``TASK.jsonl``; where rows carry a split, ``validation`` is used.

    Yields:
        One line per task that says what was done.

    Raises:
        UserError: The model is not a folder or was not taught the task, or the data hold too few rows or labels of some
            other task.
    """
    folder = EMBEDDED if model in (None, "embedded") else Path(str(model))
    if not folder.is_dir():
        raise UserError(f"model {model!r} is not a folder; a calibration is stored beside the weights", "missing_model")
    analyzer = Analyzer.load(str(folder))
    for name in analyzer.check_tasks(tasks):
        task, path = load_task(name), data / f"{name}.jsonl" if data.is_dir() else data
        rows = [row for row in read_labelled(path) if isinstance(row, LabelledRow) and _usable(row, name)]
        if len(rows) < 20:
            raise UserError(f"{path} holds {len(rows)} rows to calibrate on; at least 20 are needed", "too_few_rows")
        unknown = sorted({label for row in rows for label in row.labels} - set(task.label_names))
        if unknown:
            raise UserError(f"{path}: {unknown[0]!r} is not a label of {name}; it has {', '.join(task.label_names)}")
        scores = torch.tensor(analyzer.scores([row.text for row in rows], name))
        gold = torch.tensor([[float(label in row.labels) for label in task.label_names] for row in rows])
        save_calibrations(folder, load_calibrations(folder) | {name: fit(scores, gold, task)})
        yield f"{name}: calibrated on {len(rows)} rows, stored in {folder}"


def _usable(row: LabelledRow, task_name: str) -> bool:
    return row.split in (None, "validation") and row.task in (None, task_name) and bool(row.text.strip())


def fit(scores: torch.Tensor, gold: torch.Tensor, task: Task) -> Calibration:
    """The calibration of least log loss, and the thresholds of highest F1 (of micro-F1 in multi-label tasks).

    Args:
        scores: (N, labels), as the model gives them.
        gold: (N, labels), 1 where the label holds.
        task: The task.
    """
    if task.many:
        slopes = [_fit_slope(scores[:, k], gold[:, k]) for k in range(len(task.labels))]
        calibration = Calibration(
            labels={name: LabelCalibration(a=a, b=b) for name, (a, b) in zip(task.label_names, slopes, strict=True)}
        )
        # Once probabilities are calibrated, micro-F1 is highest with one threshold for all labels; a threshold of each
        # label's own would be fitted on a dozen positives.
        threshold = best_threshold(label_probabilities(scores, task, calibration).flatten(), gold.flatten())
        for label in calibration.labels.values():
            label.threshold = threshold
        return calibration
    calibration = Calibration(temperature=_fit_temperature(scores, gold))
    if task.binary_label is not None:
        column = task.label_names.index(task.binary_label)
        threshold = best_threshold(label_probabilities(scores, task, calibration)[:, column], gold[:, column])
        # Half-way to the most probable label: with few positives the best cut is partly luck.
        calibration.labels[task.binary_label] = LabelCalibration(threshold=round((threshold + 0.5) / 2, 4))
    return calibration


def best_threshold(probabilities: torch.Tensor, gold: torch.Tensor) -> float:
    """The threshold of highest F1, in the middle of the gap that it cuts.

    Args:
        probabilities: (N,).
        gold: (N,), 0 or 1.
    """
    order = probabilities.argsort(descending=True)
    hits = gold[order].cumsum(0)
    f1 = 2 * hits / (torch.arange(1, len(gold) + 1) + gold.sum()).clamp(min=1)
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
