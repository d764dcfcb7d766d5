"""Which measurement of macro-F1 was the best, and when to stop waiting for a better one."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class Best:
    """The best measurement so far.

    Attributes:
        step: The optimizer step it was made after; None before the first one.
        macro_f1: Its score.
        evaluations_without: Measurements since then, none of them better.
    """

    step: int | None = None
    macro_f1: float = float("-inf")
    evaluations_without: int = 0

    def update(self, step: int, score: float) -> bool:
        """Takes in the measurement after ``step``; returns whether it is the best so far.

        An equal score is not better: of two equal models the one trained less is kept. A score that is not a number
        never is.
        """
        if score > self.macro_f1:
            self.step, self.macro_f1, self.evaluations_without = step, score, 0
            return True
        self.evaluations_without += 1
        return False

    def exhausted(self, patience: int | None) -> bool:
        """Whether ``patience`` measurements have passed without a better one; never with None."""
        return patience is not None and self.evaluations_without >= patience

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps; :meth:`from_state` makes an equal one of it."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: dict[str, Any] | None) -> "Best":
        """From a checkpoint; one that was made without measurements holds None."""
        return cls(**(state or {}))


def is_due(step: int, total_steps: int, eval_steps: int | None) -> bool:
    """Whether to measure after ``step`` steps: every ``eval_steps``, and at the end."""
    return step == total_steps or (eval_steps is not None and step > 0 and step % eval_steps == 0)
