"""The columns of a workbook that answer one task."""

from dataclasses import dataclass, field

from instructions.workbook.scale import Scale

Ticks = dict[str, str]


@dataclass
class Answers:
    """The columns that answer one task.

    Attributes:
        scale: The task's labels.
        new: Whether nobody has described the task yet.
        final: The column or tick columns that hold the decision.
        by: Annotator -> column, or column -> label for ticks.
        why: How the task was recognised, in words.
    """

    scale: Scale
    new: bool
    why: str
    final: str | Ticks | None = None
    by: dict[str, str | Ticks] = field(default_factory=dict)

    def columns(self) -> list[str]:
        """Every column that holds labels of the task."""
        found: list[str] = []
        for theirs in (self.final, *self.by.values()):
            found += [] if theirs is None else [theirs] if isinstance(theirs, str) else list(theirs)
        return found
