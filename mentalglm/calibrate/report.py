"""What a calibration is worth on rows that it has not seen: calibration error, selective risk, coverage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mentalglm.calibrate.conformal import guaranteed, rows_needed, too_rare
from mentalglm.calibrate.left_out import LeftOut, answer_left_out
from mentalglm.calibrate.measures import Flags, Floats, calibration_error, selective_risk
from mentalglm.tasks import Task


@dataclass(frozen=True)
class Abstention:
    """What abstaining does. An answer is a post; in multi-label tasks, each label of each post.

    Attributes:
        coverage: How often the truth was decided on or stayed in play.
        lowest: The label (of a scale, the crisis value) whose own posts are covered least often, and how often; None
            if all are too rare.
        abstained: The share of posts in which something was left open.
        decided: The share of answers that were decided.
        wrong: The share of answers that were decided and wrong.
    """

    coverage: float
    lowest: tuple[str, float] | None
    abstained: float
    decided: float
    wrong: float


@dataclass(frozen=True)
class Worth:
    """Measures on rows left out.

    Attributes:
        before: Expected calibration error of the model's own probabilities.
        after: The same, once calibrated.
        risk: Of the surest answers up to each share, how many are wrong; nothing held back.
        abstention: None without an error rate.
    """

    before: float
    after: float
    risk: dict[float, float]
    abstention: Abstention | None = None


def measure(
    scores: torch.Tensor,
    gold: torch.Tensor,
    groups: Sequence[str],
    task: Task,
    prevalence: Mapping[str, float] | None = None,
    error_rate: float | None = None,
) -> Worth | None:
    """Measures how calibrations fitted on four fifths of the rows do on the last fifth; arguments as :func:`fit`.

    Args:
        scores: (N, labels).
        gold: (N, labels).
        groups: By row, what must not be torn apart.
        task: The task.
        prevalence: As stated; the rows are weighted to it.
        error_rate: As stated.

    Returns:
        The measures; None where four fifths of the rows are too few.
    """
    rows = answer_left_out(scores, gold, groups, task, prevalence, error_rate)
    if rows is None:
        return None
    posts = rows.weights.mean(axis=1)
    right: Flags
    if task.many:
        sure = np.where(rows.decided, rows.after, 1 - rows.after).ravel()
        right, weights = np.equal(rows.decided, rows.gold).ravel(), rows.weights.ravel()
        ece = [calibration_error(p.ravel(), rows.gold.ravel(), weights) for p in (rows.before, rows.after)]
    else:
        sure, right, weights = (rows.after * rows.decided).sum(axis=1), (rows.decided & rows.gold).max(axis=1), posts
        ece = [_top_error(p, rows.gold, posts) for p in (rows.before, rows.after)]
    abstention = None if error_rate is None else _abstention(rows, right, task, error_rate)
    return Worth(ece[0], ece[1], selective_risk(sure, right, weights), abstention)


def _top_error(p: Floats, gold: Flags, weights: Floats) -> float:
    return calibration_error(p.max(axis=1), gold[np.arange(len(gold)), p.argmax(axis=1)], weights)


def _abstention(rows: LeftOut, right: Flags, task: Task, error_rate: float) -> Abstention:
    posts, abstained = rows.weights.mean(axis=1), rows.open.max(axis=1)
    reached: Flags = rows.open | rows.decided
    covered, left_open, weights = reached[rows.gold], abstained, posts
    if task.many:
        covered, left_open, weights = (right | rows.open.ravel()), rows.open.ravel(), rows.weights.ravel()
    own = {
        name: reached[:, places].max(axis=1)[rows.gold[:, places].max(axis=1)]
        for name, places in guaranteed(task).items()
    }
    lows = [(name, float(values.mean())) for name, values in own.items() if len(values) >= rows_needed(error_rate)]
    return Abstention(
        coverage=float(np.average(covered, weights=weights)),
        lowest=min(lows, key=lambda low: low[1], default=None),
        abstained=float(np.average(abstained, weights=posts)),
        decided=float(np.average(~left_open, weights=weights)),
        wrong=float(np.average(~right & ~left_open, weights=weights)),
    )


def lines(worth: Worth | None, gold: torch.Tensor, task: Task, error_rate: float | None) -> list[str]:
    """The measures for people, one finding a line."""
    said = ["  too few rows to leave some out and judge by them"]
    if worth is not None:
        error = f"expected calibration error {worth.before:.3f} before, {worth.after:.3f} after"
        risk = ", ".join(f"{risk:.3f} of {share:.0%}" for share, risk in worth.risk.items())
        said = [f"  on rows left out: {error}", f"  wrong of the surest answers: {risk}"]
        if worth.abstention is not None:
            found = worth.abstention
            low = "" if found.lowest is None else f" (lowest: {found.lowest[0]} {found.lowest[1]:.3f})"
            what = f"decides {found.decided:.3f} of " + ("labels" if task.many else "posts")
            said.append(f"  error rate {error_rate:g}: coverage {found.coverage:.3f}{low}")
            said.append(f"  {what}, wrong {found.wrong:.3f}; abstains on {found.abstained:.3f} of posts")
    if error_rate is not None and (rare := too_rare(gold, task, error_rate)):
        said.append(f"  fewer than {rows_needed(error_rate)} rows, so no such guarantee: {', '.join(rare)}")
    return said
