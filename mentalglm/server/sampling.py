"""One token from what a model expects."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn.

    Attributes:
        temperature: 0 takes the most expected token.
        top_p: The most expected tokens of this much probability together.
        top_k: Of so many tokens at most; 0 for all.
        seed: The same seed draws the same reply; None draws a new one each time.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None


class Sampler:
    """Draws the tokens of one reply, with dice of its own: no other reply of the batch moves them."""

    def __init__(self, sampling: Sampling) -> None:
        import torch

        self._sampling = sampling
        self._dice = torch.Generator()
        if sampling.seed is None:
            self._dice.seed()
        else:
            self._dice.manual_seed(sampling.seed % 2**63)

    def choose(self, logits: Any) -> int:
        """A token.

        Args:
            logits: (V,), -inf where the grammar admits nothing.
        """
        import torch

        if self._sampling.temperature == 0:
            return int(logits.argmax())
        values, tokens = logits.cpu().double().sort(descending=True)
        if self._sampling.top_k:
            values, tokens = values[: self._sampling.top_k], tokens[: self._sampling.top_k]
        chances = ((values - values[0]) / self._sampling.temperature).softmax(dim=0)
        # A token stays if those before it have not yet filled top_p: the first always does.
        chances = chances * (chances.cumsum(dim=0) - chances < self._sampling.top_p)
        return int(tokens[torch.multinomial(chances, 1, generator=self._dice)])
