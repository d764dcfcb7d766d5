"""The learning rate over a run."""

import math


def learning_rate_at(step: int, total_steps: int, peak: float, warmup_ratio: float) -> float:
    """Linear warm-up to ``peak``, then a cosine down to a tenth of it.

    Args:
        step: The optimizer step about to be taken, from 0.
        total_steps: Steps of the whole run.
        peak: The highest rate.
        warmup_ratio: Share of the steps spent warming up.
    """
    warmup_steps = max(1, round(total_steps * warmup_ratio))
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return peak * (0.1 + 0.45 * (1 + math.cos(math.pi * min(1.0, progress))))
