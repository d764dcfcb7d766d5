"""What depends on several answers about one post: the crisis value of suicide_risk, and what contradicts what."""

from mentalglm.analysis import Analysis, crisis_of, gravest, level_conflicts
from mentalglm.tasks import load_task

# suicide_risk always asks for the level too, so that a plain death wish under 低自杀风险 is never silent.
LEVEL, RISK, SAFETY = "suicide_level", "suicide_risk", "emotional_safety"


def relate(answers: dict[str, Analysis], level: Analysis | None) -> None:
    """Sets ``crisis`` and ``conflicts``.

    Args:
        answers: By task, what was answered about one post.
        level: The answer of suicide_level, which may not be among them; None where it was not asked.
    """
    for name, answer in answers.items():
        answer.crisis = crisis_of(load_task(name), answer.labels + answer.candidates) if answer.parsed else None
    if level is None:
        return
    risk, safety = answers.get(RISK), answers.get(SAFETY)
    if not level.parsed:
        if risk is not None and risk.crisis == "none":
            risk.crisis = None  # the level, which would have told of a wish to die, could not be read
        return
    if risk is not None and risk.crisis is not None:
        risk.crisis = gravest([risk.crisis, crisis_of(load_task(LEVEL), level.labels + level.candidates)])
    if not level.labels:  # abstained
        return
    conflicts = level_conflicts(
        int(level.labels[0]),
        risk.labels[0] if risk is not None and risk.labels else None,
        safety.labels[0] if safety is not None and safety.labels else None,
    )
    for name, answer in answers.items():
        answer.conflicts = conflicts.get(name, [])
