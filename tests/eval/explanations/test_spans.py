"""Evidence by spans, worked by hand."""

from typing import Any

import numpy as np
import pytest

from eval.explanations.spans import span_measures, span_sums


def span(start: int, end: int, label: str | None = None) -> dict[str, Any]:
    return {"start": start, "end": end, "label": label}


def measured(*rows: list[float]) -> dict[str, float]:
    totals = np.sum(rows, axis=0, keepdims=True).astype(float)
    return {name: float(values[0]) for name, values in span_measures(totals).items()}


def test_one_span_covered_by_half_is_found_and_one_covered_less_is_not() -> None:
    # 0–10 against 0–5: IoU 0.5; 20–30 against 28–33: 2 characters of 13.
    sums = span_sums([span(0, 5), span(28, 33)], [span(0, 10), span(20, 30)], labelled=False)
    assert sums == [pytest.approx(0.5 + 2 / 13), 1, 2, 1, 2]
    assert measured(sums) == {"iou": pytest.approx((0.5 + 2 / 13) / 2), "span_f1": 0.5}


def test_spans_of_other_labels_have_nothing_in_common() -> None:
    predicted, gold = [span(0, 5, "放大")], [span(0, 5, "读心术")]
    assert span_sums(predicted, gold, labelled=False) == [1, 1, 1, 1, 1]
    assert span_sums(predicted, gold, labelled=True) == [0, 0, 1, 0, 1]


def test_the_same_is_one_nothing_in_common_nought_and_nothing_to_judge_undefined() -> None:
    exact = span_sums([span(3, 9)], [span(3, 9)], labelled=True)
    assert measured(exact) == {"iou": 1, "span_f1": 1}
    assert measured(span_sums([span(0, 3)], [span(3, 9)], labelled=False)) == {"iou": 0, "span_f1": 0}
    assert measured(span_sums([], [span(3, 9)], labelled=False)) == {"iou": 0, "span_f1": 0}
    invented = measured(span_sums([span(0, 3)], [], labelled=False))
    assert np.isnan(invented["iou"]) and np.isnan(invented["span_f1"])
    nothing = measured(span_sums([], [], labelled=False))
    assert np.isnan(nothing["iou"]) and np.isnan(nothing["span_f1"])
    # Over rows the sums add up: precision 1/2, recall 1.
    rows = span_sums([span(3, 9)], [span(3, 9)], labelled=False), span_sums([span(0, 3)], [], labelled=False)
    assert measured(*rows) == {"iou": 1, "span_f1": pytest.approx(2 / 3)}
