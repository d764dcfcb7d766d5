"""From label scores to the numbers by which a model is chosen, no row deciding about itself."""

import numpy as np
import torch

from mentalglm import metrics
from mentalglm.calibrate.left_out import answer_left_out
from mentalglm.calibration import Calibration
from mentalglm.decoding.labels import decide, label_probabilities
from mentalglm.tasks import Task


def label_f1(scores: torch.Tensor, gold: torch.Tensor, groups: list[str], task: Task) -> dict[str, float]:
    """Macro-F1 over the labels that occur or are decided on; on a scale the quadratic kappa, too.

    Single-label tasks take the most probable label, ordinal ones the median of the distribution, as an uncalibrated
    model does. The scores of a multi-label task have no natural cut before calibration: labels share the chance to come
    first, and a corpus without label-free posts puts every label above "none". So each fifth of the posts is decided by
    the calibration fitted on the other four, the one that ``mentalglm calibrate`` would make: thresholds fitted on the
    rows they are judged by would flatter the model, the more so the fewer rows there are. With fewer than five posts
    a label is decided on where it is at least as likely to come first as the answer without labels.

    Args:
        scores: (N, labels), as :func:`mentalglm.decoding.labels.label_scores` gives them.
        gold: (N, labels), 1 where the label holds.
        groups: By row, what must not be torn apart: the post.
        task: The task.

    Returns:
        ``macro_f1``, and ``quadratic_kappa`` of an ordinal task. Rows whose scores are not all numbers are wrong for
        every class.
    """
    read = torch.isfinite(scores).all(dim=1)
    decided = np.zeros(gold.shape, bool)
    if read.any():
        kept = [group for group, sound in zip(groups, read.tolist(), strict=True) if sound]
        decided[read.numpy()] = _decide(scores[read], gold[read], kept, task)
    truth = gold.numpy() > 0
    found = {"macro_f1": float(metrics.macro_f1(metrics.count(truth, decided, read.numpy())))}
    if task.kind == "ordinal":
        codes = np.where(read.numpy(), decided.argmax(axis=1), metrics.UNPARSED)
        kappa = metrics.quadratic_kappa(truth.argmax(axis=1), codes, len(task.labels))
        found["quadratic_kappa"] = float(kappa)
    return found


def _decide(scores: torch.Tensor, gold: torch.Tensor, groups: list[str], task: Task) -> np.ndarray:
    """(N, labels), whether the label is decided on."""
    scores, gold = scores.float(), gold.float()
    left_out = answer_left_out(scores, gold, groups, task, None, None) if task.many else None
    if left_out is not None:
        return left_out.decided
    plain = Calibration()
    labels = [decide(row, task, plain) for row in label_probabilities(scores, task, plain).tolist()]
    return np.array([[name in chosen for name in task.label_names] for chosen in labels], bool)
