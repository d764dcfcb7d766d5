"""Share of labels that are right; ``-1`` stands for an answer that could not be read and is never right.

evaluate.load("eval/metrics/accuracy").compute(predictions=[0, -1], references=[0, 1])
"""

import datasets
import evaluate

from mentalglm import metrics


class Accuracy(evaluate.Metric):  # type: ignore[misc]
    """See the module."""

    def _info(self) -> evaluate.MetricInfo:
        features = {"predictions": datasets.Value("int32"), "references": datasets.Value("int32")}
        return evaluate.MetricInfo(
            description=__doc__, citation="", inputs_description=__doc__, features=datasets.Features(features)
        )

    def _compute(self, predictions: list[int], references: list[int]) -> dict[str, float]:
        return {"accuracy": float(metrics.accuracy(references, predictions))}
