"""The abstention curve (risk against coverage) and the area under it.

Predictions are how sure the model was, ``-inf`` where it gave no answer; references whether the answer was right, 0 or
1.

    evaluate.load("eval/metrics/abstention").compute(predictions=[0.9, 0.2], references=[1, 0])
"""

import datasets
import evaluate

from mentalglm import metrics


class Abstention(evaluate.Metric):  # type: ignore[misc]
    """See the module."""

    def _info(self) -> evaluate.MetricInfo:
        features = {"predictions": datasets.Value("float64"), "references": datasets.Value("int32")}
        return evaluate.MetricInfo(
            description=__doc__, citation="", inputs_description=__doc__, features=datasets.Features(features)
        )

    def _compute(self, predictions: list[float], references: list[int]) -> dict[str, float | list[float]]:
        coverage, risk = metrics.risk_coverage(references, predictions)
        area = float(metrics.area_under_risk(references, predictions))
        return {"area_under_risk": area, "coverage": coverage.tolist(), "risk": risk.tolist()}
