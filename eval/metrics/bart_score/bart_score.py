"""BARTScore: mean log-likelihood per token under a sequence-to-sequence model, with the hash of its weights.

``precision`` is of the text after its reference, ``recall`` of the reference after the text, ``f`` the mean of both;
all are 0 at most. The model is a folder, a hub name or ``modelscope:ID``; safetensors only, no code from a checkpoint.
An empty text scores what its reference scores after nothing.

    evaluate.load("eval/metrics/bart_score", model="out/bart").compute(predictions=["他想死"], references=["他说想死"])
"""

import datasets
import evaluate
import numpy as np

from eval.explanations.bartscore import bart_scores, load_bart_scorer


class BartScore(evaluate.Metric):  # type: ignore[misc]
    """See the module."""

    def __init__(self, model: str, device: str | None = None, **settings: object) -> None:
        """Takes ``model`` and ``device``; the model is loaded once."""
        super().__init__(**settings)
        self._scorer, self._about = load_bart_scorer(model, device)

    def _info(self) -> evaluate.MetricInfo:
        features = {"predictions": datasets.Value("string"), "references": datasets.Value("string")}
        return evaluate.MetricInfo(
            description=__doc__, citation="", inputs_description=__doc__, features=datasets.Features(features)
        )

    def _compute(self, predictions: list[str], references: list[str]) -> dict[str, object]:
        means = np.mean(bart_scores(self._scorer, predictions, references), axis=0)
        names = ("bart_score_precision", "bart_score_recall", "bart_score_f")
        return {**dict(zip(names, map(float, means), strict=True)), "bart_score_by": self._about}
