"""Invented records and candidates for the tests of the builder."""

from typing import Any

from instructions.gather import Candidate
from instructions.records import Record

POSTS = (
    "今天又没有睡好，凌晨三点醒来就再也睡不着了，看着天花板数羊数到天亮。",
    "他没有回我消息，肯定是讨厌我了，以后再也不会理我了吧。",
    "周末和朋友去爬山，山顶的风很大，回来以后心情好了很多。",
    "考试没有考好，爸妈一定对我很失望，我不知道怎么跟他们说。",
    "新买的花开了，是很小的白色的花，放在窗台上，早上起来就能看到。",
)


def record(text: str = POSTS[0], /, **changes: Any) -> Record:
    """A record of emotional_safety, labelled 安全, unless told otherwise."""
    row: dict[str, Any] = {
        "id": f"made:{text}",
        "group": text[:12],
        "source": "made",
        "license": "CC0-1.0",
        "language": "zh",
        "task": "emotional_safety",
        "text": text,
        "labels": ["安全"],
        "evidence": [],
        "explanation": None,
        "explanation_by": "none",
        "split": "train",
        "annotations": [],
        "meta": {},
    }
    return Record.model_validate(row | changes)


def candidate(text: str = POSTS[0], /, rank: int = 0, by_post: bool = True, **changes: Any) -> Candidate:
    """A candidate whose evidence nobody marked."""
    return Candidate(record(text, **changes), rank, by_post, evidence_marked=False)
