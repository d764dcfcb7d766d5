"""One optimizer step: micro-steps, the mean over all ranks' scored tokens, and a watch over the loss."""

import math
from dataclasses import dataclass
from typing import Any

from mentalglm.errors import UserError
from train.config import TrainConfig
from train.data import collate
from train.optimizer import set_learning_rate
from train.plan import Packs, Plan, pack, scored_weight
from train.schedule import learning_rate_at
from train.shared_prefixes import SharedPrefixes, pairs_compared, runs_of, tokens_read
from train.tokenized import TokenizedData


@dataclass(frozen=True)
class Step:
    """What an optimizer step gave.

    Attributes:
        loss: Mean over the step's scored tokens on all ranks, in nats.
        learning_rate: The rate it was taken at.
        grad_norm: Of all gradients before clipping; None where DeepSpeed does not say.
        tokens: Tokens read on all ranks, padding excluded, what examples share counted once.
        scored_tokens: Those that the loss counts.
        pairs: Pairs of tokens that attention compares.
        stopping: Whether any rank was asked to stop.
    """

    loss: float
    learning_rate: float
    grad_norm: float | None
    tokens: int
    scored_tokens: int
    pairs: int
    stopping: bool


def take_step(
    engine: Any, data: TokenizedData, plan: Plan, step: int, pad: int, config: TrainConfig, stop_asked: bool
) -> Step:
    """Takes optimizer step number ``step``, from 0; every rank calls it.

    Args:
        engine: DeepSpeed's.
        data: The training data.
        plan: What every step sees.
        step: The step's number: all that is random in it (dropout, noise) follows from it and the rank.
        pad: The id that fills packs up.
        config: The settings.
        stop_asked: Whether this rank was asked to stop.
    """
    import torch
    import torch.distributed as dist

    rank, world = dist.get_rank(), dist.get_world_size()
    torch.manual_seed(config.seed + step * world + rank)
    rate = learning_rate_at(step, len(plan), config.learning_rate, config.warmup_ratio)
    set_learning_rate(engine.optimizer, rate)
    micro_steps = plan[step]
    scored = sum(scored_weight(data, packs) for packs in micro_steps) or 1.0  # weights of 0: a loss of 0, watched
    norm: float | None = None
    loss_sum = torch.zeros((), device=engine.device, dtype=torch.float64)
    for packs in micro_steps[rank::world]:
        loss = engine(**to_batch(data, packs, pad, engine.device, plan.shared))
        loss_sum += loss.detach()
        # DeepSpeed averages over ranks and micro-steps; the mean wanted is over the step's scored tokens.
        engine.backward(loss * (world * config.gradient_accumulation_steps / scored))
        if packs is micro_steps[rank::world][-1]:
            norm = _plain_norm(engine)
        engine.step()
    told = torch.stack([loss_sum, loss_sum.new_tensor(float(stop_asked))])
    dist.all_reduce(told)
    norm = engine.get_global_grad_norm() if norm is None else norm
    read = [one for packs in micro_steps for one in packs]
    lengths, shared = data.lengths, plan.shared
    return Step(
        loss=told[0].item() / scored,
        learning_rate=rate,
        grad_norm=None if norm is None else float(norm),
        tokens=sum(tokens_read(one, lengths, shared) for one in read),
        scored_tokens=sum(int(data.scored_tokens[one].sum()) for one in read),
        pairs=sum(pairs_compared(one, lengths, shared) for one in read),
        stopping=told[1].item() > 0,
    )


class LossWatch:
    """Stops a run whose loss says that nothing is learned any more.

    Args:
        config: The settings; ``stop_after_zero_losses`` is how many losses of exactly 0 in a row are too many.
    """

    def __init__(self, config: TrainConfig) -> None:
        self._config = config
        self._zeros = 0

    def check(self, step: int, taken: Step) -> None:
        """Looks at the loss of step number ``step``, from 1.

        Raises:
            UserError: It is NaN or infinite, or has been 0 for too long; the likely causes are named.
        """
        config = self._config
        if not math.isfinite(taken.loss):
            raise UserError(
                f"the loss is {taken.loss} at step {step} (gradient norm {taken.grad_norm}, learning rate "
                f"{taken.learning_rate:.2g}, dtype {config.dtype}); lower learning_rate or max_grad_norm, raise "
                "warmup_ratio, or look for damaged weights in the model started from; the last checkpoint is unspoiled"
            )
        self._zeros = self._zeros + 1 if taken.loss == 0 else 0
        if self._zeros >= config.stop_after_zero_losses:
            raise UserError(
                f"the loss is exactly 0 since step {step - self._zeros + 1}, over {taken.scored_tokens} scored tokens: "
                "the rows' weights are all 0, or the rows are known by heart, or logits have overflowed; look at the "
                "data's weight column, and at the sample printed at the start"
            )


def validation_loss(engine: Any, data: TokenizedData, pad: int, config: TrainConfig) -> float:
    """Mean loss over the scored tokens of ``data``, in nats; the ranks share the packs out, and every rank calls it."""
    import torch
    import torch.distributed as dist

    rank, world = dist.get_rank(), dist.get_world_size()
    packs, at_once = pack(data.lengths.tolist(), config.max_seq_length, config.seed), config.per_device_train_batch_size
    batches = [packs[start : start + at_once] for start in range(0, len(packs), at_once)]
    module = engine.module
    module.eval()
    total = torch.zeros((), device=engine.device, dtype=torch.float64)
    with torch.no_grad():
        # ZeRO-3 gathers each layer's weights from all ranks: one that has no batch left reads another's again.
        for turn in range(0, len(batches), world):
            loss = engine(**to_batch(data, batches[(turn + rank) % len(batches)], pad, engine.device))
            total += loss if turn + rank < len(batches) else 0
    module.train()
    dist.all_reduce(total)
    return total.item() / (scored_weight(data, packs) or math.nan)


def _plain_norm(engine: Any) -> float | None:
    """The norm of the step's gradients where nothing has taken them away yet; ZeRO's stages know it themselves."""
    import torch

    gradients = [p.grad for p in engine.module.parameters() if p.grad is not None]
    if engine.zero_optimization_stage() or not gradients:
        return None
    return float(torch.nn.utils.get_total_norm(gradients))


def to_batch(
    data: TokenizedData, packs: Packs, pad: int, device: Any, shared: SharedPrefixes | None = None
) -> dict[str, Any]:
    """The tensors of :class:`train.loss.AnswerLoss` for ``packs``, on ``device``."""
    import torch

    runs = [[(prefix, [data[number] for number in run]) for prefix, run in runs_of(one, shared)] for one in packs]
    arrays = collate(runs, pad)
    return {key: torch.from_numpy(value).to(device) for key, value in arrays.items()}
