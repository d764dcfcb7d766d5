"""Muon: steps of equal size in every direction of a matrix."""

import math
from typing import Any

import torch

# Of Jordan et al.: steep at zero rather than exact; five rounds bring every singular value to between 0.7 and 1.2.
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ROUNDS = 5


class MuonAdamW(torch.optim.AdamW):
    """AdamW, but for groups marked ``muon``, which hold matrices and take Muon's steps.

    Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon) makes the momentum of the gradient orthogonal. Its step
    is scaled by 0.2 * sqrt(the longer side) (Liu et al., arXiv:2502.16982), whose entries are then as large as those of
    Adam's steps: one learning rate and one weight decay serve both. ``torch.optim.Muon`` computes in bfloat16, which is
    several times slower on processors without it, and takes matrices alone; this one computes in the gradient's type.
    """

    def __init__(self, groups: list[dict[str, Any]], lr: float, betas: tuple[float, float], momentum: float = 0.95):
        for group in groups:
            group.setdefault("muon", False)
            group["momentum"] = momentum
        super().__init__(groups, lr=lr, betas=betas)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step of every group; gradients must be there."""
        if closure is not None:
            raise ValueError("MuonAdamW.step takes no closure")
        groups = self.param_groups
        self.param_groups = [group for group in groups if not group["muon"]]
        try:
            super().step()
        finally:
            self.param_groups = groups
        for group in groups:
            if group["muon"]:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        self._turn(parameter, group)

    def _turn(self, parameter: torch.Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            # AdamW's load_state_dict looks for "step" in every state.
            state.update(step=torch.zeros(()), momentum=torch.zeros_like(parameter))
        state["step"] += 1
        momentum, gradient = state["momentum"], parameter.grad
        assert gradient is not None
        momentum.lerp_(gradient, 1 - group["momentum"])
        ahead = gradient.lerp(momentum, group["momentum"])  # Nesterov's
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(orthogonal(ahead), alpha=-group["lr"] * 0.2 * math.sqrt(max(parameter.shape)))


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """The orthogonal matrix nearest to a matrix of shape (rows, columns), roughly, by Newton and Schulz's iteration."""
    a, b, c = _COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(_ROUNDS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x
