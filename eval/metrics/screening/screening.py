"""Sensitivity and specificity, and what they come to where 0.5, 1, 2 or 5 % of the posts are positive.

Per prevalence: PPV, NPV, and alarms and misses per 1,000 posts. A prediction of ``-1`` is an answer that could not be
read: of a positive it is a miss, of a negative a needless alarm.

    evaluate.load("eval/metrics/screening").compute(predictions=[1, 0, -1], references=[1, 0, 0])
"""

import datasets
import evaluate

from mentalglm import metrics
from mentalglm.metrics.screening import PREVALENCES


class ScreeningMetric(evaluate.Metric):  # type: ignore[misc]
    """See the module."""

    def _info(self) -> evaluate.MetricInfo:
        features = {"predictions": datasets.Value("int32"), "references": datasets.Value("int32")}
        return evaluate.MetricInfo(
            description=__doc__, citation="", inputs_description=__doc__, features=datasets.Features(features)
        )

    def _compute(self, predictions: list[int], references: list[int]) -> dict[str, float | dict[str, dict[str, float]]]:
        counts = metrics.count_codes(references, predictions, 2)
        sensitivity, specificity = float(metrics.recall(counts)[1]), float(metrics.specificity(counts)[1])
        at = {str(share): metrics.screen(sensitivity, specificity, share)._asdict() for share in PREVALENCES}
        by_share = {share: {name: float(value) for name, value in found.items()} for share, found in at.items()}
        return {"sensitivity": sensitivity, "specificity": specificity, "at_prevalence": by_share}
