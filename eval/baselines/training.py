"""Trains one trial of an encoder: so many passes over the rows, the best of them by the validation rows."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eval.arrays import Arrays, to_arrays
from eval.baselines.encoder_config import EncoderConfig
from eval.baselines.networks import Network
from eval.measure import headline, measure_rows
from mentalglm import metrics
from mentalglm.readers import LabelledRow
from mentalglm.tasks import Task

_THRESHOLDS = np.arange(1, 20) / 20
_READING = 64
_POOL = 16  # batches whose rows are sorted together


@dataclass(frozen=True)
class Trial:
    """How a trial went.

    Attributes:
        learning_rate: The highest.
        epochs: The passes made.
        best_epoch: The pass whose weights were kept, from 1.
        score: Its score on the validation rows; None where there is nothing to judge.
        threshold: The probability from which on a label is given, where a post may have several; chosen with the score.
        weights: The weights after that pass.
    """

    learning_rate: float
    epochs: int
    best_epoch: int
    score: float | None
    threshold: float | None
    weights: dict[str, Tensor]


def train(
    network: Network,
    task: Task,
    rows: Sequence[LabelledRow],
    validation: Sequence[LabelledRow],
    config: EncoderConfig,
    learning_rate: float,
    seed: int,
    device: str,
) -> Trial:
    """Trains ``network`` and returns the best of its passes; its weights are left as after the last one.

    AdamW, the learning rate rising over the first steps and then falling to 0 in a line, gradients clipped at 1;
    cross-entropy, per label where a post may have several. A tie goes to the earlier pass.
    """
    module = network.module.to(device)
    ids, gold = network.read([row.text for row in rows])[0], torch.tensor(gold_of(rows, task)).float()
    optimizer = torch.optim.AdamW(module.parameters(), learning_rate, weight_decay=config.weight_decay)
    steps = config.epochs * -(-len(ids) // config.batch_size)
    warmup = max(1, round(config.warmup_ratio * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warmup, max(0.0, (steps - step) / max(1, steps - warmup)))
    )
    shuffle = random.Random(seed)
    best: Trial | None = None
    for epoch in range(1, config.epochs + 1):
        module.train()
        for chosen in _batches(ids, config.batch_size, shuffle):
            scores = module(*network.batch([ids[i] for i in chosen], device))
            loss = _loss(scores, gold[chosen].to(device), task)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        score, threshold = judge(chances_of(network, task, [row.text for row in validation], device), validation, task)
        if best is None or (score is not None and (best.score is None or score > best.score)):
            kept = {name: weight.detach().cpu().clone() for name, weight in module.state_dict().items()}
            best = Trial(learning_rate, epoch, epoch, score, threshold, kept)
        best = Trial(learning_rate, epoch, best.best_epoch, best.score, best.threshold, best.weights)
        if epoch - best.best_epoch >= config.patience:
            break
    assert best is not None
    return best


def chances_of(network: Network, task: Task, posts: Sequence[str], device: str) -> NDArray[np.float64]:
    """Each label's probability, shape ``(posts, labels)``: they add up to 1 where a post has exactly one label."""
    ids, _ = network.read(posts)
    found = np.zeros((len(ids), len(task.labels)))
    order = sorted(range(len(ids)), key=lambda place: len(ids[place]))
    network.module.to(device).eval()
    with torch.inference_mode():
        for start in range(0, len(order), _READING):
            chosen = order[start : start + _READING]
            scores = network.module(*network.batch([ids[i] for i in chosen], device)).double()
            found[chosen] = (scores.sigmoid() if task.many else scores.softmax(-1)).cpu().numpy()
    return found


def decided(chances: NDArray[np.float64], task: Task, threshold: float | None) -> NDArray[np.bool_]:
    """What is answered: the likeliest label, or those from the threshold on."""
    if threshold is not None:
        return chances >= threshold
    likeliest: NDArray[np.bool_] = chances.argmax(1)[:, None] == np.arange(len(task.labels))
    return likeliest


def judge(chances: NDArray[np.float64], rows: Sequence[LabelledRow], task: Task) -> tuple[float | None, float | None]:
    """The task's usual measure on ``rows``, and the threshold: one for all labels, the best for micro F1.

    A threshold of its own for each label would be fitted to a handful of posts.
    """
    threshold = None
    if task.many:
        gold, read = gold_of(rows, task), np.ones(len(rows), bool)
        found = [float(metrics.micro_f1(metrics.count(gold, chances >= x, read))) for x in _THRESHOLDS]
        threshold = float(_THRESHOLDS[int(np.nan_to_num(found).argmax())])
    measured = measure_rows(_arrays(rows, decided(chances, task, threshold), task), task)
    named = {name: value for (group, name), value in measured.items() if group == "metrics"}
    score = named[headline(task, named)]
    return (None if np.isnan(score) else float(score)), threshold


def gold_of(rows: Sequence[LabelledRow], task: Task) -> NDArray[np.bool_]:
    """Whether each label holds, shape ``(rows, labels)``."""
    return np.array([[name in row.labels for name in task.label_names] for row in rows], bool)


def _batches(ids: Sequence[list[int]], size: int, shuffle: random.Random) -> list[list[int]]:
    """The rows in random batches of similar lengths: little of a batch is padding."""
    order = list(range(len(ids)))
    shuffle.shuffle(order)
    batches: list[list[int]] = []
    for start in range(0, len(order), _POOL * size):
        pool = sorted(order[start : start + _POOL * size], key=lambda place: len(ids[place]))
        batches += [pool[i : i + size] for i in range(0, len(pool), size)]
    shuffle.shuffle(batches)
    return batches


def _loss(scores: Tensor, gold: Tensor, task: Task) -> Tensor:
    if task.many:
        return torch.nn.functional.binary_cross_entropy_with_logits(scores, gold)
    return torch.nn.functional.cross_entropy(scores, gold.argmax(1))


def _arrays(rows: Sequence[LabelledRow], predicted: NDArray[np.bool_], task: Task) -> Arrays:
    """Answers as a run would have stored them."""
    names = np.array(task.label_names)
    answer = {"parsed": True, "abstained": False, "probabilities": {}, "evidence": [], "gold_evidence": None}
    samples = [
        {"id": row.id, "row": row.row, "group": row.group, "gold": row.labels, "labels": list(names[said]), **answer}
        for row, said in zip(rows, predicted, strict=True)
    ]
    return to_arrays(samples, task)
