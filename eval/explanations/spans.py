"""Evidence by whole spans: how well each gold span is covered by one predicted span, and by which share.

IoU is characters in both over characters in either. With a threshold of 0.5 it is ERASER's IoU F1 (DeYoung et al., ACL
2020, doi 10.18653/v1/2020.acl-main.408): a predicted span is right if it reaches the threshold with some gold span, a
gold span is found if some predicted one does.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mentalglm.metrics.sums import Floats, ratio

THRESHOLD = 0.5
WIDTH = 5  # of a row's sums

Span = dict[str, Any]  # start, end, label


def span_sums(predicted: Sequence[Span], gold: Sequence[Span], labelled: bool) -> list[float]:
    """A row's sums: best IoU of gold spans added up, gold spans found, gold spans, right predicted spans, predicted.

    Args:
        predicted: The spans of an answer.
        gold: The spans it is held against.
        labelled: Spans of different labels have nothing in common.
    """
    table = np.array([[_iou(one, other, labelled) for other in predicted] for one in gold], float)
    table = table.reshape(len(gold), len(predicted))
    best_gold, best_predicted = table.max(1, initial=0.0), table.max(0, initial=0.0)
    found, right = (best_gold >= THRESHOLD).sum(), (best_predicted >= THRESHOLD).sum()
    return [float(best_gold.sum()), int(found), len(gold), int(right), len(predicted)]


def span_measures(totals: Floats) -> dict[str, Floats]:
    """The measures of totals of shape ``(draws, 5)``: mean best IoU of gold spans, and F1 of spans at the threshold.

    Both are ``nan`` without a gold span; F1 also without a predicted one where there is no gold span either.
    """
    best, found, gold, right, predicted = np.moveaxis(totals, -1, 0)
    recall = ratio(found, gold)
    precision = np.where(predicted > 0, ratio(right, predicted), np.where(gold > 0, 0.0, np.nan))
    together = precision + recall
    f1 = np.where(together > 0, ratio(2 * precision * recall, together), np.where(np.isnan(together), np.nan, 0.0))
    return {"iou": ratio(best, gold), "span_f1": f1}


def _iou(one: Span, other: Span, labelled: bool) -> float:
    if labelled and one["label"] != other["label"]:
        return 0.0
    shared = min(one["end"], other["end"]) - max(one["start"], other["start"])
    either = max(one["end"], other["end"]) - min(one["start"], other["start"])
    return max(shared, 0) / either if either else 0.0
