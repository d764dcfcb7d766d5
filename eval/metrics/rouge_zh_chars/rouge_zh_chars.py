"""ROUGE-1, -2 and -L of Chinese texts: mean F1 over characters, other scripts' words whole; no punctuation.

Equal to rouge-score with such a tokenizer. One reference a text; 0 where one of both is empty.

    evaluate.load("eval/metrics/rouge_zh_chars").compute(predictions=["他想死"], references=["他说想死"])
"""

import datasets
import evaluate
import numpy as np

from eval.explanations.overlap import Rouge, rouge
from eval.explanations.tokens import characters


class RougeZhChars(evaluate.Metric):  # type: ignore[misc]
    """See the module."""

    def _info(self) -> evaluate.MetricInfo:
        features = {"predictions": datasets.Value("string"), "references": datasets.Value("string")}
        return evaluate.MetricInfo(
            description=__doc__, citation="", inputs_description=__doc__, features=datasets.Features(features)
        )

    def _compute(self, predictions: list[str], references: list[str]) -> dict[str, float]:
        pairs = zip(predictions, references, strict=True)
        rows = [rouge(characters(said), characters(wanted)) for said, wanted in pairs]
        means = np.mean(rows, axis=0)
        return {f"{name}_chars": float(mean) for name, mean in zip(Rouge._fields, means, strict=True)}
