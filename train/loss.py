"""The loss: cross-entropy over scored tokens only, the vocabulary projection computed nowhere else."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional


class AnswerLoss(nn.Module):
    """Wraps a causal language model so that one forward pass yields the summed loss of the scored tokens.

    A GLM's vocabulary has 151,552 entries: projecting every position onto it is most of a step's memory, and most
    positions (question, post, padding) are never scored.
    """

    def __init__(self, model: Any, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.model = model
        self.label_smoothing = label_smoothing

    def forward(
        self, input_ids: torch.Tensor, position_ids: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor
    ) -> torch.Tensor:
        """Summed, weighted cross-entropy in nats.

        Args:
            input_ids: (B, T) packed token ids.
            position_ids: (B, T), restarting at 0 with each example of a pack.
            targets: (B, T), the token each position predicts; -100 where not scored.
            weights: (B, T), the factor of each target.

        Returns:
            A scalar.
        """
        # Without a cache and a mask, transformers reads the packs off the restarting positions and keeps them apart.
        hidden = self.model.get_decoder()(input_ids=input_ids, position_ids=position_ids, use_cache=False)[0]
        scored = targets != -100
        logits = self.model.get_output_embeddings()(hidden[scored]).float()
        losses = functional.cross_entropy(
            logits, targets[scored], reduction="none", label_smoothing=self.label_smoothing
        )
        return (losses * weights[scored]).sum()
