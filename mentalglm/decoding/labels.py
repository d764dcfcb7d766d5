"""Labels from the model's own probabilities."""

from typing import Any

import torch

from mentalglm.answer import render_head
from mentalglm.calibration import Calibration
from mentalglm.decoding.reading import Reading
from mentalglm.prompt import encode_text
from mentalglm.tasks import Task


def label_scores(context: Reading, task: Task, style: str, tokenizer: Any) -> torch.Tensor:
    """How strongly the model expects each label, before calibration.

    Single and ordinal tasks: log P of the whole first sentence with the label, full stop included.
    Multi-label and span tasks: log P(the label comes first) - log P(the answer without labels). Training lists labels
    in random order, so a label's chance to come first grows with the model's belief in it.

    Args:
        context: The prompts, read up to where the answer begins.
        task: The task asked.
        style: The style asked in.
        tokenizer: The model's.

    Returns:
        (B, labels), in the task's canonical order.
    """
    if not task.many:
        heads = [render_head((name,), task, style) for name in task.label_names]
        return context.score([encode_text(tokenizer, head) for head in heads])
    template = task.styles[style]
    before, after = template.head.split("{labels}")
    texts = [template.none or ""]
    for name in task.label_names:
        # A label that comes first is followed by another label or by the rest of the sentence.
        texts += [before + task.surface(style, name) + ending for ending in (template.separator, after)]
    scores = context.score([encode_text(tokenizer, text) for text in texts])
    none, first = scores[:, :1], torch.logaddexp(scores[:, 1::2], scores[:, 2::2])
    return first - none


def label_probabilities(scores: torch.Tensor, task: Task, calibration: Calibration) -> torch.Tensor:
    """(B, labels): a distribution for single and ordinal tasks, one probability per label otherwise."""
    a, b = (torch.tensor(values, dtype=scores.dtype, device=scores.device) for values in calibration.slopes(task))
    if not task.many:
        return (scores / calibration.temperature + b).softmax(dim=1)
    return torch.sigmoid(a * scores + b)


def decide(probabilities: list[float], task: Task, calibration: Calibration) -> list[str]:
    """The labels a row of probabilities stands for, in canonical order.

    Single: the most probable label; of two labels the positive one at or above its threshold. Ordinal: the
    median of the distribution, which errs least and splits the scale where half the probability lies. Multi-label and
    span tasks: every label at or above its threshold.
    """
    names = task.label_names
    if task.many:
        return [name for name, p in zip(names, probabilities, strict=True) if p >= calibration.threshold(name)]
    if task.kind == "ordinal":
        total = 0.0
        for name, p in zip(names, probabilities, strict=True):
            total += p
            if total >= 0.5:
                return [name]
        return [names[-1]]
    if task.binary_label is not None:
        positive = names.index(task.binary_label)
        chosen = positive if probabilities[positive] >= calibration.threshold(task.binary_label) else 1 - positive
        return [names[chosen]]
    return [names[max(range(len(names)), key=probabilities.__getitem__)]]
