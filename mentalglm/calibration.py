"""What validation data taught about a model's scores: temperatures, slopes, thresholds, bands, beside its weights."""

import json
import math
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from mentalglm.errors import UserError
from mentalglm.tasks import Crisis, Task

FILE = "calibration.json"
_Share = Annotated[float, Field(gt=0, lt=1)]


class LabelCalibration(BaseModel):
    """For one label: p = sigmoid(a * score + b) in multi-label tasks; chosen where p >= threshold.

    Attributes:
        a: Slope of the score; multi-label tasks only.
        b: Offset of the score; multi-label tasks only.
        threshold: The probability from which the label is chosen.
        share: How often it held in the validation rows; known where a prevalence was stated.
        prevalence: How often it is said to hold where the model is used; None: as often as in the validation rows.
        possible: The plausibility from which the label is in play; see :mod:`mentalglm.decoding.abstain`.
        certain: Multi-label tasks: the probability up to which it is in play that the label does *not* hold.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    a: float = 1.0
    b: float = 0.0
    threshold: float = 0.5
    share: _Share | None = None
    prevalence: _Share | None = None
    possible: float | None = None
    certain: float | None = None


class Calibration(BaseModel):
    """For one task: the temperature of its distribution, and what each label needs. The defaults change nothing.

    Attributes:
        temperature: What scores are divided by; single and ordinal tasks only.
        error_rate: The error rate that the bands ``possible`` and ``certain`` were chosen for.
        crises: Ordinal tasks: the probability of all levels of a crisis value from which that value is in play.
        labels: By label; one that is missing has the defaults.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    temperature: float = Field(default=1.0, gt=0)
    error_rate: _Share | None = None
    crises: dict[Crisis, float] = {}
    labels: dict[str, LabelCalibration] = {}

    def of(self, label: str) -> LabelCalibration:
        """What ``label`` needs."""
        return self.labels.get(label, LabelCalibration())

    def slopes(self, task: Task) -> tuple[list[float], list[float]]:
        """The a and the b of every label, in the task's canonical order; a stated prevalence is part of b."""
        known = [self.of(name) for name in task.label_names]
        return [label.a for label in known], [label.b + prior_shift(label, task) for label in known]

    def threshold(self, label: str) -> float:
        """The probability from which ``label`` is chosen."""
        return self.of(label).threshold

    def without_bands(self) -> "Calibration":
        """The same calibration, which never abstains."""
        bare = {
            name: label.model_copy(update={"possible": None, "certain": None}) for name, label in self.labels.items()
        }
        return self.model_copy(update={"error_rate": None, "crises": {}, "labels": bare})


def prior_shift(label: LabelCalibration, task: Task) -> float:
    """What a stated prevalence adds to the label's logit (Saerens, Latinne and Decaestecker 2002, equation 2.4).

    Of a distribution over labels that exclude one another, the odds between two labels change by the ratios of their
    prevalence; of a label that stands alone, the odds against its absence do.
    """
    if label.prevalence is None or label.share is None:
        return 0.0
    shift = math.log(label.prevalence / label.share)
    return shift - math.log((1 - label.prevalence) / (1 - label.share)) if task.many else shift


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
    data = {name: calibration.model_dump(exclude_none=True) for name, calibration in sorted(calibrations.items())}
    aside = folder / (FILE + ".partial")
    aside.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    aside.replace(folder / FILE)
