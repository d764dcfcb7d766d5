"""Recall against the share of posts read, the highest scores first: what triage by a model finds for the work it takes.

A score of ``nan`` is an answer that could not be read: a positive is then read last, a negative first.

    evaluate.load("eval/metrics/reading").compute(predictions=[0.9, 0.2], references=[1, 0])
"""

import datasets
import evaluate

from mentalglm import metrics

SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


class Reading(evaluate.Metric):  # type: ignore[misc]
    """See the module."""

    def _info(self) -> evaluate.MetricInfo:
        features = {"predictions": datasets.Value("float64"), "references": datasets.Value("int32")}
        return evaluate.MetricInfo(
            description=__doc__, citation="", inputs_description=__doc__, features=datasets.Features(features)
        )

    def _compute(self, predictions: list[float], references: list[int]) -> dict[str, dict[str, float]]:
        rows = metrics.ranked(references, predictions)
        return {"recall_when_reading": {str(x): float(metrics.recall_when_reading_of(rows, x)) for x in SHARES}}
