"""Measures that a model of their own gives: BERTScore and BARTScore, read from what ``score`` kept in the folder."""

from collections.abc import Sequence

import numpy as np

from eval.explanations.sums import Block, Sample, referred
from mentalglm.metrics.sums import Floats, ratio
from mentalglm.tasks import Task

# What such a block needs; or a reference, without which no model could judge.
MODEL_SCORES = ("bert_score", "bart_score", "baseline")


def _model_block(name: str, names: Sequence[str], needs: str) -> Block:
    width = len(names) + 1

    def rows(samples: Sequence[Sample], task: Task) -> Floats:
        made = np.full((len(samples), width), np.nan)
        for place, sample in enumerate(samples):
            if referred(sample) and name in sample:
                made[place] = *sample[name], 1
        return made

    def formula(totals: Floats) -> dict[str, Floats]:
        return {each: ratio(totals[:, i], totals[:, -1]) for i, each in enumerate(names)}

    return Block(name, width, rows, formula, needs)


MODEL_MEASURES = (
    _model_block("bert_score", ("bert_score_precision", "bert_score_recall", "bert_score_f1"), "bert_score"),
    _model_block("bert_score_rescaled", ("bert_score_rescaled",), "baseline"),
    _model_block("bart_score", ("bart_score_precision", "bart_score_recall", "bart_score_f"), "bart_score"),
)
