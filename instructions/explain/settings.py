"""What an explaining run does beside reaching its endpoint."""

from dataclasses import dataclass
from pathlib import Path

from instructions.explain.examples import OPEN_CORPUS


@dataclass(frozen=True)
class ExplainSettings:
    """The options of ``explain`` that are not the connection's.

    Attributes:
        examples: The folder of ``TASK.jsonl`` files that examples and the consistency classifier come from.
        shots: How many examples a question shows.
        grammar: Whether replies are held to the answer's form by a grammar, which the endpoint must support.
        judge: A second model at the same endpoint that must recover the labels; None for the classifier.
        limit: How many rows at most; None for all.
    """

    examples: Path = OPEN_CORPUS
    shots: int = 3
    grammar: bool = False
    judge: str | None = None
    limit: int | None = None
