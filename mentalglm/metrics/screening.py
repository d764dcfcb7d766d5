"""What sensitivity and specificity come to where few posts are positive."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mentalglm.metrics.sums import Floats, ratio

PREVALENCES = (0.005, 0.01, 0.02, 0.05)


class Screening(NamedTuple):
    """At one prevalence: how far an alarm and a silence can be trusted, and what comes up per 1,000 posts.

    Attributes:
        ppv: The share of alarms that are right; ``nan`` where there are no alarms.
        npv: The share of silences that are right; ``nan`` where there is no silence.
        alarms: Alarms per 1,000 posts, right and wrong.
        misses: Positives without an alarm, per 1,000 posts.
    """

    ppv: Floats
    npv: Floats
    alarms: Floats
    misses: Floats


def screen(sensitivity: ArrayLike, specificity: ArrayLike, prevalence: float) -> Screening:
    """Bayes' rule (Vecchio 1966): a test set's own share of positives says nothing about where a model is used.

    An unreadable answer is no silence and so counts as an alarm of a negative, and as a miss of a positive.

    Args:
        sensitivity: Any shape.
        specificity: The same shape.
        prevalence: The share of positives among the posts, 0 to 1.
    """
    sensitivity, specificity = np.asarray(sensitivity, float), np.asarray(specificity, float)
    found, missed = sensitivity * prevalence, (1 - sensitivity) * prevalence
    false, silent = (1 - specificity) * (1 - prevalence), specificity * (1 - prevalence)
    return Screening(ratio(found, found + false), ratio(silent, silent + missed), 1000 * (found + false), 1000 * missed)
