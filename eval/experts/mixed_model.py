"""score ~ source, with random intercepts of post and rater: what a source adds, strict raters and hard posts apart."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.intervals import LEVEL
from eval.score import number
from eval.sums import Floats


def fit(scores: Floats, sources: NDArray[Any], items: NDArray[Any], pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Fits a linear mixed model by REML (statsmodels), crossed random intercepts; tests of Wald's kind.

    A scale of four points is taken as numbers here, which the model's tests ask for; Wilcoxon's asks for ranks alone.

    Args:
        scores: Shape ``(rows, raters)``, ``nan`` where a cell is blank.
        sources: Whose explanation each row is.
        items: Which post each row is about.
        pairs: The sources to compare.

    Returns:
        ``contrasts`` by pair (``value`` is the second's mean less the first's, ``low``, ``high``, ``p``), ``sd`` of
        ``item``, ``rater`` and ``residual``, ``n`` ratings, and ``notes``: keys of
        :data:`eval.experts.wording.NOTES` that say what could not be estimated.
    """
    import pandas as pd
    from scipy.stats import norm

    rows, raters = np.nonzero(~np.isnan(scores))
    data = pd.DataFrame(
        {"score": scores[rows, raters], "source": sources[rows], "item": items[rows], "rater": raters.astype(str)}
    )
    nothing: dict[str, Any] = {"contrasts": {}, "sd": None, "n": len(data), "notes": []}
    names = sorted(set(data["source"]))
    if len(names) < 2:
        return {**nothing, "notes": ["one_source"]}
    if data["score"].nunique() < 2:
        return {**nothing, "notes": ["all_equal"]}
    notes = []
    parts = {"item": "0 + C(item)", "rater": "0 + C(rater)"}
    for name in ("item", "rater"):
        if data[name].nunique() < 2:
            notes.append(f"one_{name}")
            del parts[name]
    if data["rater"].nunique() == 2:
        notes.append("two_raters")
    found = _fitted(data, parts) if parts else None
    if found is None:
        return {**nothing, "notes": [*notes, "not_fitted"]}
    spread = dict(zip(found.model.exog_vc.names, np.sqrt(np.maximum(np.atleast_1d(found.vcomp), 0)), strict=True))
    if any(sd < 0.01 for sd in spread.values()):
        notes.append("no_spread")
    design = {name: np.array([1.0, *(name == other for other in names[1:])]) for name in names}
    fixed, width = np.asarray(found.fe_params, float), len(names)
    cov = np.asarray(found.cov_params(), float)[:width, :width]
    reach = float(norm.ppf(0.5 + LEVEL / 2))
    contrasts = {}
    for first, second in pairs:
        if first not in design or second not in design:
            continue
        apart = design[second] - design[first]
        value, error = float(apart @ fixed), float(np.sqrt(apart @ cov @ apart))
        contrasts[f"{first} / {second}"] = {
            "value": number(value),
            "low": number(value - reach * error),
            "high": number(value + reach * error),
            "p": number(float(2 * norm.sf(abs(value) / error))) if error > 0 else None,
        }
    sd = {**{name: number(value) for name, value in spread.items()}, "residual": number(float(np.sqrt(found.scale)))}
    return {"contrasts": contrasts, "sd": sd, "n": len(data), "notes": notes}


def _fitted(data: Any, parts: dict[str, str]) -> Any:
    """The fitted model; None where it does not converge or its errors are undefined."""
    from statsmodels.formula.api import mixedlm

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they say is said by a note
        try:
            model = mixedlm("score ~ C(source)", data, groups=np.ones(len(data)), re_formula="0", vc_formula=parts)
            found = model.fit(reml=True)
        except (np.linalg.LinAlgError, ValueError):
            return None
        width = data["source"].nunique()
        cov = np.asarray(found.cov_params(), float)[:width, :width]
    sound = found.converged and np.isfinite(cov).all() and (np.diag(cov) > 0).all() and found.scale > 1e-9
    return found if sound else None
