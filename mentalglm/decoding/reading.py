"""What the decoder asks of a batch of texts that a model has read, whichever engine read it."""

from typing import Any, Protocol

import torch


class Reading(Protocol):
    """B texts and what the model expects next; :class:`Context` by torch, :class:`OnnxContext` by ONNX Runtime."""

    @property
    def logits(self) -> torch.Tensor:
        """(B, V), float32."""

    def append(self, rows: list[list[int]]) -> None:
        """Reads one more stretch of tokens for every row."""

    def keep(self, rows: list[int]) -> None:
        """Forgets all rows but these, which take the places 0, 1, … in the order given."""

    def join(self, other: Any) -> None:
        """Takes the rows of another reading by the same engine behind its own; the other is used up."""

    def score(self, continuations: list[list[int]]) -> torch.Tensor:
        """(B, C), log P(continuation | text) of every continuation for every row."""
