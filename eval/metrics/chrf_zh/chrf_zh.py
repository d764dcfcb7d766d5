"""chrF, 0 to 1: of the corpus, runs of 1 to 6 characters, recall weighing more (β = 2).

Times 100 it is sacrebleu's ``corpus_chrf``. One reference a text. Characters are what it counts in any language.

    evaluate.load("eval/metrics/chrf_zh").compute(predictions=["他想死"], references=["他说想死"])
"""

import datasets
import evaluate
import numpy as np

from eval.explanations.overlap import chrf, chrf_row


class ChrfZh(evaluate.Metric):  # type: ignore[misc]
    """See the module."""

    def _info(self) -> evaluate.MetricInfo:
        features = {"predictions": datasets.Value("string"), "references": datasets.Value("string")}
        return evaluate.MetricInfo(
            description=__doc__, citation="", inputs_description=__doc__, features=datasets.Features(features)
        )

    def _compute(self, predictions: list[str], references: list[str]) -> dict[str, float]:
        rows = np.array([chrf_row(said, wanted) for said, wanted in zip(predictions, references, strict=True)], float)
        return {"chrf": float(chrf(rows.sum(0, keepdims=True))[0])}
