"""What every step of a run sees: a function of the examples, the settings and the number of ranks, nothing else."""

from mentalglm.errors import UserError
from train.config import TrainConfig
from train.data import Example, pack

Packs = list[list[int]]


def plan_steps(examples: list[Example], config: TrainConfig, world: int) -> list[list[Packs]]:
    """The packs of every micro-step of every optimizer step, the same on all ranks.

    Rank r takes the micro-steps r, r + world, … of a step. An epoch's last packs that don't fill a step are left out.

    Args:
        examples: The encoded training data.
        config: The settings.
        world: The number of ranks.

    Returns:
        ``plan[step][micro_step][pack][example]``.

    Raises:
        UserError: The data don't fill one step.
    """
    lengths = [len(example.ids) for example in examples]
    micro_steps = config.gradient_accumulation_steps * world
    per_step = config.per_device_train_batch_size * micro_steps
    plan = []
    for epoch in range(config.num_train_epochs):
        packs = pack(lengths, config.max_seq_length, seed=config.seed * 1000 + epoch)
        for start in range(0, len(packs) - per_step + 1, per_step):
            step = packs[start : start + per_step]
            plan.append([step[k::micro_steps] for k in range(micro_steps)])
    if not plan:
        raise UserError(
            f"{len(examples)} examples fill less than one step of {per_step} packs; "
            "lower per_device_train_batch_size, gradient_accumulation_steps or max_seq_length"
        )
    return plan[: config.max_steps]


def scored_weight(examples: list[Example], packs: Packs) -> float:
    """The summed weight of the scored tokens in ``packs``; an example's first token is predicted by nothing."""
    return sum(examples[i].weight * float(examples[i].scored[1:].sum()) for one in packs for i in one)
