"""The loss: cross-entropy over scored tokens only, the vocabulary projection computed nowhere else."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

# Logits held at once: larger pieces read the projection's weights less often, smaller ones stay in the caches.
LOGITS_BYTES = {"cpu": 128 * 2**20, "cuda": 512 * 2**20}


class AnswerLoss(nn.Module):
    """Wraps a causal language model so that one forward pass yields the summed loss of the scored tokens.

    A GLM's vocabulary has 151,552 entries: projecting every position onto it is most of a step's memory, and most
    positions (question, post, padding) are never scored.

    Attributes:
        model: The causal language model, with or without an adapter.
        label_smoothing: Share of the target spread over the vocabulary.
        neftune_noise_alpha: In training, uniform noise of ±alpha / sqrt(L·d) is added to the embeddings (NEFTune, Jain
            et al. 2023), L being the length of the example, not of the pack it stands in, and d the hidden size.
    """

    def __init__(self, model: Any, label_smoothing: float = 0.0, neftune_noise_alpha: float | None = None) -> None:
        super().__init__()
        self.model = model
        self.label_smoothing = label_smoothing
        self.neftune_noise_alpha = neftune_noise_alpha

    def forward(
        self,
        input_ids: torch.Tensor,
        position_ids: torch.Tensor,
        targets: torch.Tensor,
        weights: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Summed, weighted cross-entropy in nats.

        Args:
            input_ids: (B, T) packed token ids.
            position_ids: (B, T), restarting at 0 with each example of a pack.
            targets: (B, T), the token each position predicts; -100 where not scored.
            weights: (B, T), the factor of each target.
            attention_mask: (B, 1, T, T), true where the row's token sees the column's; None where the positions say it.

        Returns:
            A scalar.
        """
        embedded = self.model.get_input_embeddings()(input_ids)
        if self.training and self.neftune_noise_alpha is not None:
            embedded = embedded + _noise(embedded, position_ids, self.neftune_noise_alpha)
        # Without a cache and a mask, transformers reads the packs off the restarting positions and keeps them apart.
        read = {"inputs_embeds": embedded, "position_ids": position_ids, "use_cache": False}
        if attention_mask is not None:
            hidden_from = torch.finfo(embedded.dtype).min
            read["attention_mask"] = torch.zeros_like(attention_mask, dtype=embedded.dtype).masked_fill_(
                ~attention_mask, hidden_from
            )
        scored = targets != -100
        head = self.model.get_output_embeddings()
        if is_plain_projection(self.model, head):
            hidden = self.model.get_decoder()(**read)[0][scored]
            # Autograd tells a function what is trained even where nothing is: a validation would pay for its gradients.
            weight = head.weight if torch.is_grad_enabled() else head.weight.detach()
            summed: torch.Tensor = ProjectedCrossEntropy.apply(  # type: ignore[no-untyped-call]
                hidden, weight, targets[scored], weights[scored], self.label_smoothing
            )
            return summed
        logits = self.model(**read).logits[scored].float()
        losses = functional.cross_entropy(
            logits, targets[scored], reduction="none", label_smoothing=self.label_smoothing
        )
        return (losses * weights[scored]).sum()


def is_plain_projection(model: Any, head: Any) -> bool:
    """Whether the logits are ``hidden @ weight.T`` and nothing more: no bias, adapter, scale or soft cap on them."""
    config = model.config
    scaled = any(getattr(config, name, None) for name in ("final_logit_softcapping", "logit_scale", "logits_scaling"))
    return type(head) is nn.Linear and head.bias is None and not scaled


class ProjectedCrossEntropy(torch.autograd.Function):
    """Weighted cross-entropy of ``hidden @ weight.T``, its gradients computed while the logits are at hand.

    The logits exist a few rows at a time: each piece gives its loss and both gradients before the next one is made, as
    in Liger Kernel's fused linear cross-entropy (Hsu et al. 2024). With p the softmax, t the target, w the weight, ε
    the smoothing and V the vocabulary::

        loss = w · (logsumexp(z) - (1 - ε) · z_t - ε / V · Σ z)      dloss/dz = w · (p - (1 - ε) · onehot(t) - ε / V)
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        targets: torch.Tensor,
        weights: torch.Tensor,
        label_smoothing: float,
    ) -> torch.Tensor:
        """The summed loss, a scalar in fp32.

        Args:
            ctx: Autograd's.
            hidden: (N, d), the hidden states of the scored positions.
            weight: (V, d), the projection.
            targets: (N,), token ids.
            weights: (N,), the factor of each.
            label_smoothing: ε.
        """
        wants_hidden, wants_weight = ctx.needs_input_grad[:2]
        grad_hidden = torch.empty_like(hidden) if wants_hidden else None
        grad_weight = torch.zeros(weight.shape, dtype=torch.float32, device=weight.device) if wants_weight else None
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        pieces = _pieces(len(hidden), weight)
        # One buffer for all pieces: fresh memory costs more than the arithmetic done on it.
        room = hidden.new_empty(min(len(hidden), pieces[0].stop) if pieces else 0, len(weight))
        for piece in pieces:
            states, target, factor = hidden[piece], targets[piece].unsqueeze(1), weights[piece].float().unsqueeze(1)
            logits = torch.mm(states, weight.t(), out=room[: len(states)]).float()
            top, where = logits.max(dim=1, keepdim=True)
            losses = -(1 - label_smoothing) * logits.gather(1, target)
            if label_smoothing:
                losses -= label_smoothing * logits.mean(dim=1, keepdim=True)
            probabilities = torch.softmax(logits, dim=1, out=logits)
            # The largest probability is at least 1/V: its logarithm is safe where the target's may be that of 0.
            losses += top - probabilities.gather(1, where).log()
            total += (losses * factor).sum()
            if not wants_hidden and not wants_weight:
                continue
            if label_smoothing:
                probabilities -= label_smoothing / len(weight)
            probabilities.scatter_add_(1, target, torch.full_like(top, label_smoothing - 1))
            slope = probabilities.to(weight.dtype)
            if grad_hidden is not None:
                grad_hidden[piece] = (slope @ weight).mul_(factor)
            if grad_weight is not None:
                weighted = (states * factor).to(weight.dtype)
                if weight.dtype == torch.float32:
                    grad_weight.addmm_(slope.t(), weighted)
                else:
                    grad_weight += slope.t() @ weighted
        ctx.gradients = grad_hidden, None if grad_weight is None else grad_weight.to(weight.dtype)
        return total

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None, None, None]:
        """The gradients of the forward pass, times what comes from above; they can be asked for once."""
        grad_hidden, grad_weight = ctx.gradients
        ctx.gradients = None
        if grad_hidden is not None:
            grad_hidden.mul_(upstream.to(grad_hidden.dtype))
        if grad_weight is not None:
            grad_weight.mul_(upstream.to(grad_weight.dtype))
        return grad_hidden, grad_weight, None, None, None


def _pieces(rows: int, weight: torch.Tensor) -> list[slice]:
    at_once = max(16, LOGITS_BYTES.get(weight.device.type, 512 * 2**20) // (4 * len(weight)))
    return [slice(start, start + at_once) for start in range(0, rows, at_once)]


def _noise(embedded: torch.Tensor, position_ids: torch.Tensor, alpha: float) -> torch.Tensor:
    """Uniform noise, (B, T, d), scaled by the length of the example each token belongs to."""
    example = (position_ids.flatten() == 0).cumsum(0) - 1
    lengths = example.bincount()[example].view(position_ids.shape)
    scale = alpha / (lengths * embedded.shape[-1]).to(embedded.dtype).sqrt()
    return (torch.rand_like(embedded) * 2 - 1) * scale.unsqueeze(-1)
