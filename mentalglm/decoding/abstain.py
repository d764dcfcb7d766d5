"""Abstention: where more than one label stays possible at a stated error rate, none is decided on.

Split conformal prediction (Angelopoulos and Bates 2021, arXiv:2107.07511). ``mentalglm calibrate --error-rate`` finds,
label by label, the plausibility that all but that share of the label's own validation rows reach; from there on the
label is *in play*. So of the posts that carry a label, at most that share loses it, whatever the label's prevalence
(label-conditional coverage, section 4.2 of that paper): a rare crisis label is not paid for by a frequent harmless one.

The levels of a scale are too many for that: they share one bound, and each crisis value of the scale has its own. Of
the posts at an urgent level, at most that share is left without any urgent level decided on or in play.
"""

from mentalglm.analysis import GRAVITY
from mentalglm.calibration import Calibration
from mentalglm.tasks import Task

MAX_CANDIDATES = 3


def plausibility(row: list[float], task: Task) -> list[float]:
    """How well each label fits a row of probabilities: what is compared with ``LabelCalibration.possible``.

    A label's probability. Of an ordinal scale the smaller of P(this level or below) and P(this level or above), at most
    a half: it falls to both sides of the median, so that the levels in play are neighbours.
    """
    if task.kind != "ordinal":
        return row
    values, below = [], 0.0
    total = sum(row)
    for p in row:
        values.append(min(0.5, below + p, total - below))
        below += p
    return values


def in_play(decided: list[str], row: list[float], task: Task, calibration: Calibration) -> list[str]:
    """Every label about which nothing is decided at the error rate, in canonical order; none without bands.

    Single and ordinal tasks: the conformal set together with the label decided on, if that makes more than one label.
    Multi-label tasks: the labels for which both yes and no stay possible. Adding the decision to a conformal set can
    only make it cover more, and no set is empty.

    Args:
        decided: The labels that would be decided on.
        row: The probabilities, in canonical order.
        task: The task.
        calibration: Of the task.
    """
    if calibration.error_rate is None:
        return []
    known = [calibration.of(name) for name in task.label_names]
    chosen = [name in decided for name in task.label_names]
    possible = [
        yes or value >= (label.possible or 0.0)
        for yes, value, label in zip(chosen, plausibility(row, task), known, strict=True)
    ]
    if task.many:
        refutable = [
            not yes or p <= (1.0 if label.certain is None else label.certain)
            for yes, p, label in zip(chosen, row, known, strict=True)
        ]
        return [name for name, a, b in zip(task.label_names, possible, refutable, strict=True) if a and b]
    places = [place for place, yes in enumerate(possible) if yes]
    if task.kind == "ordinal":
        places += _nearest_by_crisis(chosen.index(True), row, task, calibration)
        places = list(range(min(places), max(places) + 1))
    return [task.label_names[place] for place in places] if len(places) > 1 else []


def _nearest_by_crisis(decided: int, row: list[float], task: Task, calibration: Calibration) -> list[int]:
    """Of every crisis value in play the level nearest to the one decided on."""
    found = []
    for crisis, bound in calibration.crises.items():
        places = [place for place, label in enumerate(task.labels) if label.crisis == crisis]
        if places and sum(row[place] for place in places) >= bound:
            found.append(min(places, key=lambda place: abs(place - decided)))
    return found


def hold_back(
    decided: list[str], row: list[float], task: Task, calibration: Calibration
) -> tuple[list[str], list[str]]:
    """What is left of a decision, and the two or three labels in play; arguments as :func:`in_play`.

    Returns:
        ``decided`` and no candidates where the error rate allows the decision, and without bands. Otherwise no labels
        (multi-label tasks: those that are certain) and at most three candidates, the gravest in play among them: of
        an ordinal scale the lowest level, the one decided on and the highest, of other tasks the most probable labels.
    """
    play = in_play(decided, row, task, calibration)
    if not play:
        return decided, []
    probability = dict(zip(task.label_names, row, strict=True))
    if task.kind == "ordinal":
        first = [play[0], play[-1], *decided]
    else:
        most_probable = sorted(play, key=lambda name: -probability[name])
        first = sorted(most_probable, key=lambda name: -GRAVITY[task.label(name).crisis])[:1] + most_probable
    shown = list(dict.fromkeys(first))[:MAX_CANDIDATES]
    labels = [name for name in decided if task.many and name not in play]
    return labels, [name for name in task.label_names if name in shown]
