"""BLEU of Chinese texts, 0 to 1: of the corpus, units as sacrebleu's tokenizer ``zh`` cuts them (each character).

Times 100 it is sacrebleu's ``corpus_bleu(tokenize="zh")``. One reference a text; an empty text says nothing right.

    evaluate.load("eval/metrics/bleu_zh").compute(predictions=["他想死"], references=["他说想死"])
"""

import datasets
import evaluate
import numpy as np

from eval.explanations.overlap import bleu, bleu_row


class BleuZh(evaluate.Metric):  # type: ignore[misc]
    """See the module."""

    def _info(self) -> evaluate.MetricInfo:
        features = {"predictions": datasets.Value("string"), "references": datasets.Value("string")}
        return evaluate.MetricInfo(
            description=__doc__, citation="", inputs_description=__doc__, features=datasets.Features(features)
        )

    def _compute(self, predictions: list[str], references: list[str]) -> dict[str, float]:
        pairs = zip(predictions, references, strict=True)
        rows = np.array([bleu_row(said, wanted, "zh") for said, wanted in pairs], float)
        return {"bleu_zh": float(bleu(rows.sum(0, keepdims=True))[0])}
