"""Micro, macro and sample F1 and exact match of label sets, and the parse rate beside them.

A row holds a 0 or 1 per label; a prediction of nothing but ``-1`` is an answer that could not be read: wrong for every
label, also where no label was right.

    evaluate.load("eval/metrics/multilabel").compute(predictions=[[1, 0], [-1, -1]], references=[[1, 1], [0, 0]])
"""

import datasets
import evaluate
import numpy as np

from mentalglm import metrics


class MultiLabel(evaluate.Metric):  # type: ignore[misc]
    """See the module."""

    def _info(self) -> evaluate.MetricInfo:
        features = {
            "predictions": datasets.Sequence(datasets.Value("int32")),
            "references": datasets.Sequence(datasets.Value("int32")),
        }
        return evaluate.MetricInfo(
            description=__doc__, citation="", inputs_description=__doc__, features=datasets.Features(features)
        )

    def _compute(self, predictions: list[list[int]], references: list[list[int]]) -> dict[str, float]:
        said, gold = np.asarray(predictions), np.asarray(references, bool)
        parsed = (said != metrics.UNPARSED).all(1)
        said = (said == 1) & parsed[:, None]
        counts = metrics.count(gold, said, parsed)
        return {
            "micro_f1": float(metrics.micro_f1(counts)),
            "macro_f1": float(metrics.macro_f1(counts)),
            "sample_f1": float(metrics.sample_f1(gold, said, parsed)),
            "exact_match": float(metrics.exact_match(gold, said, parsed)),
            "parse_rate": float(parsed.mean()),
        }
