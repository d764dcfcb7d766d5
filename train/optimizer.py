"""The optimizer of the parameters that are trained, each group at its own share of the learning rate."""

from typing import Any

from mentalglm.errors import UserError
from train.config import TrainConfig
from train.ranks import join_advice


def make_optimizer(module: Any, config: TrainConfig, offloaded: bool) -> Any:
    """AdamW, or Muon with AdamW, for what is trained in ``module``.

    Matrices decay and vectors don't. With LoRA+ (Hayou et al. 2024) the B matrices of an adapter learn
    ``loraplus_lr_ratio`` times as fast. A group's ``lr_scale`` is its share of the run's learning rate.

    Args:
        module: The model; parameters without gradient are left out.
        config: The settings.
        offloaded: Whether ZeRO keeps the optimizer's states in the CPU's memory: DeepSpeed's own Adam works there.

    Raises:
        UserError: DeepSpeed's CPU Adam can't be built here.
    """
    if config.optimizer == "muon":
        from train.muon import MuonAdamW

        return MuonAdamW(_muon_groups(module, config), lr=config.learning_rate, betas=(0.9, config.adam_beta2))
    ratio = config.loraplus_lr_ratio
    groups = []
    for decays in (True, False):
        for fast in (False, True):
            chosen = [
                parameter
                for name, parameter in module.named_parameters()
                if parameter.requires_grad
                and (_dimensions(parameter) >= 2) == decays
                and ((ratio is not None and "lora_B" in name) == fast)
            ]
            if chosen:
                decay = config.weight_decay if decays else 0.0
                groups.append({"params": chosen, "weight_decay": decay, "lr_scale": ratio if fast else 1.0})
    settings: dict[str, Any] = {"lr": config.learning_rate, "betas": (0.9, config.adam_beta2)}
    if offloaded:
        from deepspeed.ops.adam import DeepSpeedCPUAdam

        try:
            return DeepSpeedCPUAdam(groups, adamw_mode=True, **settings)
        except Exception as error:  # whatever a compiler may say
            raise UserError(join_advice(error)) from None
    import torch

    return torch.optim.AdamW(groups, fused=True, **settings)


def set_learning_rate(optimizer: Any, rate: float) -> None:
    """Gives every group its share of ``rate``."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["lr_scale"]


def _muon_groups(module: Any, config: TrainConfig) -> list[dict[str, Any]]:
    """The layers' matrices, for Muon; embeddings and projection, whose rows are words and not directions; vectors."""
    layers: list[Any] = []
    words: list[Any] = []
    vectors: list[Any] = []
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            matrix, in_layer = _dimensions(parameter) == 2, ".layers." in name
            (layers if matrix and in_layer else words if matrix else vectors).append(parameter)
    decay = {"weight_decay": config.weight_decay, "lr_scale": 1.0}
    groups = [{"params": layers, "muon": True, **decay}, {"params": words, **decay}]
    return [*groups, {"params": vectors, "weight_decay": 0.0, "lr_scale": 1.0}]


def _dimensions(parameter: Any) -> int:
    # Under ZeRO-3 a parameter is a flat piece of itself; DeepSpeed keeps the shape of the whole.
    return len(getattr(parameter, "ds_shape", parameter.shape))
