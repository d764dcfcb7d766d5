"""BERTScore: mean precision, recall and F1 of tokens matched by hidden states, with the hash of the weights.

The model is a folder, a hub name, ``modelscope:ID`` or ``embedded``; safetensors only, no code from a checkpoint. 0
where one of both texts is empty; what is over the model's limit is cut. Values are not rescaled; ``baseline`` is what
unrelated texts reach, where the bert-score package knows it.

    by_states = evaluate.load("eval/metrics/bert_score_local", model="embedded")
    by_states.compute(predictions=["他想死"], references=["他说想死"])
"""

import datasets
import evaluate
import numpy as np

from eval.explanations.bertscore import bert_scores, load_bert_scorer


class BertScoreLocal(evaluate.Metric):  # type: ignore[misc]
    """See the module."""

    def __init__(self, model: str, layer: int | None = None, device: str | None = None, **settings: object) -> None:
        """Takes ``model``, the ``layer`` whose states are compared and ``device``; the model is loaded once."""
        super().__init__(**settings)
        self._scorer, self._about = load_bert_scorer(model, device, layer)

    def _info(self) -> evaluate.MetricInfo:
        features = {"predictions": datasets.Value("string"), "references": datasets.Value("string")}
        return evaluate.MetricInfo(
            description=__doc__, citation="", inputs_description=__doc__, features=datasets.Features(features)
        )

    def _compute(self, predictions: list[str], references: list[str]) -> dict[str, object]:
        scores = bert_scores(self._scorer, self._about["layer"], predictions, references)
        means = np.mean(scores, axis=0)
        names = ("bert_score_precision", "bert_score_recall", "bert_score_f1")
        return {**dict(zip(names, map(float, means), strict=True)), "bert_score_by": self._about}
