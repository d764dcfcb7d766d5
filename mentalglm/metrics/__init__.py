"""Scores on numpy arrays, with one rule for answers that could not be read: **they are wrong for every class**.

Of each class, a row is a positive or a negative. ``sensitivity = TP/P`` and ``specificity = TN/N``; a false negative is
a positive not predicted positive, a false positive is a negative *not predicted negative* (the protocol of Kalinich et
al., doi 10.64898/2026.01.02.25343289). An unreadable answer is neither prediction, so it errs on both sides and never
helps a score. Where every answer was read, all values equal scikit-learn's. A score without any case to judge (no
positive, no prediction) is ``nan``, never 0 or 1.

Single-label and ordinal classes are integer codes ``0 … K-1``; ``UNPARSED`` stands for an unreadable answer.
Multi-label answers are boolean arrays of shape ``(rows, labels)`` with ``parsed``, a boolean per row. Probabilities are
``nan`` where there was no readable answer.

Every score is a formula over sums that rows add up to (counts, histograms). Functions that take such sums accept any
leading axes, so that a thousand bootstrap resamples are one call: see :mod:`mentalglm.metrics.labels` (counts per
class), :mod:`~mentalglm.metrics.ordinal` (tables of levels), :mod:`~mentalglm.metrics.ranking` (counts per score),
:mod:`~mentalglm.metrics.calibration` (sums per bin), :mod:`~mentalglm.metrics.screening` (what a prevalence makes of
sensitivity and specificity) and :mod:`~mentalglm.metrics.bootstrap` (intervals).
"""

from mentalglm.metrics.bootstrap import bca_ends, bootstrap_interval, percentile_ends
from mentalglm.metrics.calibration import (
    Bins,
    brier,
    calibration_error,
    calibration_error_of,
    reliability,
    surely_wrong,
)
from mentalglm.metrics.labels import (
    UNPARSED,
    Counts,
    accuracy,
    count,
    count_codes,
    exact_match,
    f1,
    macro_f1,
    micro_f1,
    one_hot,
    precision,
    recall,
    sample_f1,
    sample_f1_rows,
    specificity,
    weighted_f1,
)
from mentalglm.metrics.ordinal import (
    farthest,
    kappa_of,
    level_table,
    mean_absolute_error,
    mean_absolute_error_of,
    penalties,
    quadratic_kappa,
)
from mentalglm.metrics.ranking import (
    Ranked,
    area_under_risk,
    area_under_risk_of,
    auprc,
    auprc_of,
    auroc,
    auroc_of,
    ranked,
    recall_when_reading,
    recall_when_reading_of,
    risk_coverage,
)
from mentalglm.metrics.screening import Screening, screen

__all__ = [
    "UNPARSED",
    "Bins",
    "Counts",
    "Ranked",
    "Screening",
    "accuracy",
    "area_under_risk",
    "area_under_risk_of",
    "auprc",
    "auprc_of",
    "auroc",
    "auroc_of",
    "bca_ends",
    "bootstrap_interval",
    "brier",
    "calibration_error",
    "calibration_error_of",
    "count",
    "count_codes",
    "exact_match",
    "f1",
    "farthest",
    "kappa_of",
    "level_table",
    "macro_f1",
    "mean_absolute_error",
    "mean_absolute_error_of",
    "micro_f1",
    "one_hot",
    "penalties",
    "percentile_ends",
    "precision",
    "quadratic_kappa",
    "ranked",
    "recall",
    "recall_when_reading",
    "recall_when_reading_of",
    "reliability",
    "risk_coverage",
    "sample_f1",
    "sample_f1_rows",
    "screen",
    "specificity",
    "surely_wrong",
    "weighted_f1",
]
