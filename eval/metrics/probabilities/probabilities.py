"""AUROC, AUPRC (average precision), Brier score and expected calibration error of a positive class's probability.

A probability of ``nan`` is an answer that could not be read: it loses every pairing, and counts as certain and wrong.

    evaluate.load("eval/metrics/probabilities").compute(predictions=[0.9, 0.2], references=[1, 0])
"""

import datasets
import evaluate

from mentalglm import metrics


class Probabilities(evaluate.Metric):  # type: ignore[misc]
    """See the module."""

    def _info(self) -> evaluate.MetricInfo:
        features = {"predictions": datasets.Value("float64"), "references": datasets.Value("int32")}
        return evaluate.MetricInfo(
            description=__doc__, citation="", inputs_description=__doc__, features=datasets.Features(features)
        )

    def _compute(self, predictions: list[float], references: list[int]) -> dict[str, float]:
        return {
            "auroc": float(metrics.auroc(references, predictions)),
            "auprc": float(metrics.auprc(references, predictions)),
            "brier": float(metrics.brier(references, predictions)),
            "calibration_error": float(metrics.calibration_error(references, predictions)),
        }
