"""How far raters agree on one aspect, by every coefficient that papers ask for."""

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mentalglm.agreement import Estimate, Floats, cohen_kappa, fleiss_kappa, icc, krippendorff_alpha
from mentalglm.rating.aspects import SCALE


def agreement_of(scores: Floats, raters: list[str], groups: ArrayLike | None = None) -> dict[str, Any]:
    """Agreement of two raters or more.

    Args:
        scores: Shape ``(rows, raters)``, ``nan`` where a cell is blank. Krippendorff's alpha takes every row that two
            rated, Cohen's kappa those that both of a pair did, the others those that all did.
        raters: Their names.
        groups: Which rows belong together, such as those about one post; intervals resample whole groups.

    Returns:
        Each coefficient as :func:`plain`, and ``pairs`` of raters with Cohen's kappa.
    """
    names = np.arange(len(scores)) if groups is None else np.asarray(groups)
    whole = ~np.isnan(scores).any(axis=1)
    counts = np.stack([(scores[whole] == score).sum(axis=1) for score in SCALE], axis=1)
    columns = [[None if np.isnan(score) else int(score) for score in column] for column in scores.T]
    pairs: dict[str, Any] = {}
    for one, other in combinations(range(len(raters)), 2):
        a, b = columns[one], columns[other]
        pairs[f"{raters[one]} / {raters[other]}"] = {
            "cohen_kappa": plain(cohen_kappa(a, b, groups=names)),
            "cohen_kappa_quadratic": plain(cohen_kappa(a, b, "quadratic", order=list(SCALE), groups=names)),
        }
    return {
        "krippendorff_alpha_ordinal": plain(krippendorff_alpha(scores, "ordinal", groups=names)),
        "fleiss_kappa": plain(fleiss_kappa(counts, groups=names[whole])),
        "icc_single": plain(icc(scores, "A,1", groups=names)),
        "icc_mean_of_experts": plain(icc(scores, "A,k", groups=names)),
        "pairs": pairs,
    }


def plain(estimate: Estimate) -> dict[str, Any]:
    """An estimate as JSON can hold it; an undefined number is None."""
    numbers = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    return {**{name: None if np.isnan(value) else round(value, 4) for name, value in numbers.items()}, "n": estimate.n}
