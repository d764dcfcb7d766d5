"""What validation data taught about a model's scores: temperatures, slopes and thresholds, kept beside its weights."""

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from mentalglm.errors import UserError
from mentalglm.tasks import Task

FILE = "calibration.json"


class LabelCalibration(BaseModel):
    """For one label: p = sigmoid(a * score + b) in multi-label tasks; chosen where p >= threshold."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    a: float = 1.0
    b: float = 0.0
    threshold: float = 0.5


class Calibration(BaseModel):
    """For one task: the temperature of its distribution, and what each label needs. The defaults change nothing."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    temperature: float = Field(default=1.0, gt=0)
    labels: dict[str, LabelCalibration] = {}

    def slopes(self, task: Task) -> tuple[list[float], list[float]]:
        """The a and the b of every label, in the task's canonical order."""
        known = [self.labels.get(name, LabelCalibration()) for name in task.label_names]
        return [label.a for label in known], [label.b for label in known]

    def threshold(self, label: str) -> float:
        """The probability from which ``label`` is chosen."""
        return self.labels.get(label, LabelCalibration()).threshold


def load_calibrations(folder: Path | None) -> dict[str, Calibration]:
    """The calibrations beside a model, by task; none if it has never been calibrated.

    Raises:
        UserError: The file is broken.
    """
    path = None if folder is None else folder / FILE
    if path is None or not path.is_file():
        return {}
    try:
        return TypeAdapter(dict[str, Calibration]).validate_json(path.read_bytes())
    except ValueError as error:
        raise UserError(f"{path} is broken ({str(error).splitlines()[0]}); run mentalglm calibrate again") from None


def save_calibrations(folder: Path, calibrations: dict[str, Calibration]) -> None:
    """Writes the calibrations beside a model."""
    data = {name: calibration.model_dump() for name, calibration in sorted(calibrations.items())}
    aside = folder / (FILE + ".partial")
    aside.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    aside.replace(folder / FILE)
