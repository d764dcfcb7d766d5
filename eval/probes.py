"""Questions about an answer that only the model itself can settle: asked in ``run --probe``, stored with the sample.

``comprehensiveness`` and ``sufficiency`` are how far the label's probability falls without the evidence and with
nothing else (:mod:`mentalglm.faithfulness`). ``self-consistency`` lets the model write several times, drawing its words
by chance: does it come to the same labels, and say the same of them?
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, get_args

from eval.explanations.pairwise_chrf import mean_pairwise_chrf
from eval.free_generation import Written
from eval.suite import Probe, Settings
from eval.writers import Sampling
from mentalglm.analysis import Analysis, ErrorInfo
from mentalglm.errors import UserError
from mentalglm.readers import LabelledRow

if TYPE_CHECKING:
    from eval.asking import Model, Plan

PROBES: tuple[Probe, ...] = get_args(Probe)
ERASURE: tuple[Probe, ...] = ("comprehensiveness", "sufficiency")


def read_probes(names: str | None) -> tuple[Probe, ...] | None:
    """The probes of ``--probe``, separated by commas; None where it was not given.

    Raises:
        UserError: There is no such probe.
    """
    if names is None:
        return None
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if unknown := [name for name in wanted if name not in PROBES]:
        raise UserError(f"--probe: there is no {unknown[0]!r}; there are {', '.join(PROBES)}")
    return tuple(name for name in PROBES if name in wanted)


def check_probes(settings: Settings) -> None:
    """Sees to it that the answers asked for can be probed.

    Raises:
        UserError: They have no explanations, or no probabilities.
    """
    if settings.probe and settings.labels_only:
        raise UserError("--probe looks at evidence and explanations; leave --labels-only out")
    if settings.generate and set(ERASURE) & set(settings.probe):
        raise UserError(
            "comprehensiveness and sufficiency compare label probabilities, and free text tells none; leave --generate "
            "out, or take --probe self-consistency"
        )


def probe_each(
    model: "Model", rows: Sequence[LabelledRow], answers: Sequence[Analysis | None], plan: "Plan"
) -> list[dict[str, Any] | None]:
    """The findings of the plan's probes by row; None where the model did not answer this time.

    Args:
        model: Whom to ask again.
        rows: A batch.
        answers: Its answers, None where there was none.
        plan: How the task is asked, and which probes are wanted.
    """
    found: list[dict[str, Any] | None] = [
        None if answer is None else _erasure(answer, plan.settings.probe) for answer in answers
    ]
    if "self-consistency" not in plan.settings.probe:
        return found
    for place, consistency in enumerate(_self_consistency(model, rows, plan)):
        one = found[place]
        found[place] = None if one is None or consistency is None else {**one, "self-consistency": consistency}
    return found


def _erasure(answer: Analysis, wanted: Sequence[Probe]) -> dict[str, Any]:
    measured = answer.faithfulness
    return {name: getattr(measured, name, None) for name in ERASURE if name in wanted}


def _self_consistency(model: "Model", rows: Sequence[LabelledRow], plan: "Plan") -> list[dict[str, Any] | None]:
    settings, posts = plan.settings, [row.text for row in rows]
    drawn = []
    for number in range(settings.probe_samples):
        # By batch, so that a run that was killed and goes on draws what it would have drawn.
        name = f"{settings.seed}\n{number}\n{plan.task.name}\n{rows[0].id}"
        seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4])
        drawn.append(model.write_again(posts, plan, Sampling(settings.temperature, seed)))
    return [summarise([each[place] for each in drawn]) for place in range(len(rows))]


def summarise(replies: Sequence[Written | ErrorInfo]) -> dict[str, Any] | None:
    """How far several answers to one post agree; None where one was not given.

    Returns:
        ``agreement`` is the share of all answers with the label set that most of them have: an answer that could not
        be read agrees with none. ``chrf`` is the mean over pairs of explanations, None of fewer than two.
    """
    answers = [reply.analysis for reply in replies if isinstance(reply, Written)]
    if len(answers) < len(replies):
        return None
    read = [answer for answer in answers if answer.parsed and not answer.abstained]
    (labels, votes), *_ = Counter(tuple(answer.labels) for answer in read).most_common(1) or [((), 0)]
    chrf = mean_pairwise_chrf([answer.explanation for answer in read if answer.explanation])
    return {
        "samples": len(answers),
        "readable": len(read),
        "labels": list(labels) if read else None,
        "agreement": votes / len(answers),
        "chrf": None if chrf is None else round(chrf, 6),
    }
