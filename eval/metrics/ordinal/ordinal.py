"""Quadratic-weighted kappa and mean absolute error of levels ``0 … K-1``.

A prediction of ``-1`` is an answer that could not be read, and counts as the level farthest from the right one. Loaded
with a task's name, the scale is that task's; else it ends at the greatest level seen.

    evaluate.load("eval/metrics/ordinal", "suicide_level").compute(predictions=[3, -1], references=[4, 9])
"""

import datasets
import evaluate

from mentalglm import metrics
from mentalglm.tasks import load_task


class Ordinal(evaluate.Metric):  # type: ignore[misc]
    """See the module."""

    def _info(self) -> evaluate.MetricInfo:
        features = {"predictions": datasets.Value("int32"), "references": datasets.Value("int32")}
        return evaluate.MetricInfo(
            description=__doc__, citation="", inputs_description=__doc__, features=datasets.Features(features)
        )

    def _compute(self, predictions: list[int], references: list[int]) -> dict[str, float]:
        named = self.config_name not in (None, "default")
        levels = len(load_task(self.config_name).labels) if named else max([*predictions, *references]) + 1
        return {
            "quadratic_kappa": float(metrics.quadratic_kappa(references, predictions, levels)),
            "mae": float(metrics.mean_absolute_error(references, predictions, levels)),
        }
