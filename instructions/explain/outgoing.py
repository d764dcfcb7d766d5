"""What may leave: personal data masked, and strings that a model's template could take for its own broken up."""

from collections import Counter
from dataclasses import dataclass

from instructions.records import Record
from mentalglm.personal_data import mask
from mentalglm.prompt import render_turns
from mentalglm.special_tokens import break_special_tokens


@dataclass(frozen=True)
class Outgoing:
    """A text as it is sent.

    Attributes:
        text: The masked text.
        masked: How many pieces of personal data of each kind were masked.
        broken: How many special-token strings were broken.
    """

    text: str
    masked: Counter[str]
    broken: int


def outgoing(text: str) -> Outgoing:
    """``text`` with personal data masked and special-token strings broken by a space behind their first sign."""
    masked = mask(text)
    safe = break_special_tokens(masked.text)
    return Outgoing(safe.text, Counter(change.kind for change in masked.changes), len(safe.places))


def outgoing_post(record: Record) -> Outgoing:
    """The post, or the conversation turn by turn, of a record."""
    if record.text is not None:
        return outgoing(record.text)
    turns = [(turn.role, outgoing(turn.content)) for turn in record.turns or []]
    text = render_turns([{"role": role, "content": safe.text} for role, safe in turns])
    return Outgoing(text, sum((safe.masked for _, safe in turns), Counter()), sum(safe.broken for _, safe in turns))
