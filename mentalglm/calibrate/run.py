"""``mentalglm calibrate``: fits what a model's calibration holds, on validation rows that no training has seen."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from mentalglm.analyzer import Analyzer
from mentalglm.calibrate.conformal import check_error_rate
from mentalglm.calibrate.fit import fit
from mentalglm.calibrate.prevalence import read_prevalence
from mentalglm.calibrate.report import lines, measure
from mentalglm.calibration import load_calibrations, save_calibrations
from mentalglm.errors import UserError
from mentalglm.models import EMBEDDED
from mentalglm.readers import LabelledRow, read_labelled
from mentalglm.tasks import Task, load_task


def calibrate_model(
    model: str | None,
    tasks: list[str],
    data: Path,
    prevalence: Sequence[str] = (),
    error_rate: float | None = None,
) -> Iterator[str]:
    """Fits calibrations and stores them beside the model, each as soon as it is fitted.

    Args:
        model: Folder of the model, or None for the embedded one.
        tasks: Task names, or ``["all"]`` for those the model was taught.
        data: Labelled rows, or a folder with ``TASK.jsonl``; where rows carry a split, ``validation`` is used.
        prevalence: How often labels hold where the model will be used, as ``LABEL=SHARE``, or as ``SHARE`` for the
            positive label of a task of two.
        error_rate: What abstention is chosen for; without it the calibration never abstains.

    Yields:
        For every task a line that says what was done, and lines that say what it is worth on rows left out.

    Raises:
        UserError: The model is not a folder or was not taught the task; the data hold too few rows, or labels of some
            other task; a prevalence or the error rate cannot be.
    """
    folder = EMBEDDED if model in (None, "embedded") else Path(str(model))
    if not folder.is_dir():
        raise UserError(f"model {model!r} is not a folder; a calibration is stored beside the weights", "missing_model")
    check_error_rate(error_rate)
    analyzer = Analyzer.load(str(folder))
    stated = {name: read_prevalence(prevalence, load_task(name)) for name in analyzer.check_tasks(tasks)}
    for name, shares in stated.items():
        task, path = load_task(name), data / f"{name}.jsonl" if data.is_dir() else data
        rows = _rows(path, task)
        scores = torch.tensor(analyzer.scores([row.text for row in rows], name))
        gold = torch.tensor([[float(label in row.labels) for label in task.label_names] for row in rows])
        calibration = fit(scores, gold, task, shares, error_rate)
        save_calibrations(folder, load_calibrations(folder) | {name: calibration})
        yield f"{name}: calibrated on {len(rows)} rows, stored in {folder}"
        found = measure(scores, gold, [row.group for row in rows], task, shares, error_rate)
        yield from lines(found, gold, task, error_rate)


def _rows(path: Path, task: Task) -> list[LabelledRow]:
    rows = [row for row in read_labelled(path) if isinstance(row, LabelledRow) and _usable(row, task.name)]
    if len(rows) < 20:
        raise UserError(f"{path} holds {len(rows)} rows to calibrate on; at least 20 are needed", "too_few_rows")
    unknown = sorted({label for row in rows for label in row.labels} - set(task.label_names))
    if unknown:
        raise UserError(f"{path}: {unknown[0]!r} is not a label of {task.name}; it has {', '.join(task.label_names)}")
    return rows


def _usable(row: LabelledRow, task_name: str) -> bool:
    return row.split in (None, "validation") and row.task in (None, task_name) and bool(row.text.strip())
