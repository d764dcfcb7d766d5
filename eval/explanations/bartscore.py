"""BARTScore (Yuan et al. 2021): how likely a sequence-to-sequence model finds one text, having read the other.

Log-likelihoods per token, at most 0, comparable only under one model. Precision is log p(explanation | reference),
recall log p(reference | explanation), F their mean. Nothing can be said of how likely an empty explanation is: its
scores are all log p(reference | nothing), what any explanation should beat.
"""

from collections.abc import Sequence
from typing import Any

from eval.explanations.scorer_models import Scorer, load_scorer


def load_bart_scorer(name: str, device: str | None = None) -> tuple[Scorer, dict[str, Any]]:
    """The model, and what identifies it.

    Raises:
        UserError: It cannot be had, or is no encoder-decoder model.
    """
    scorer = load_scorer(name, "AutoModelForSeq2SeqLM", device)
    return scorer, {"model": name, "weights_sha256": scorer.sha256}


def bart_scores(
    scorer: Scorer, hypotheses: Sequence[str], references: Sequence[str], batch_size: int = 8
) -> list[list[float]]:
    """Precision, recall and F per pair. Texts over the model's limit are cut there."""
    recall = log_likelihoods(scorer, hypotheses, references, batch_size)
    precision = log_likelihoods(scorer, references, hypotheses, batch_size)
    found = []
    for said, back, forth in zip(hypotheses, precision, recall, strict=True):
        back = back if said.strip() else forth
        found.append([back, forth, (back + forth) / 2])
    return found


def log_likelihoods(scorer: Scorer, sources: Sequence[str], targets: Sequence[str], batch_size: int = 8) -> list[float]:
    """The mean log-likelihood of each target's tokens, special ones included, after its source."""
    import torch

    found = [0.0] * len(sources)
    places = sorted(range(len(sources)), key=lambda place: len(sources[place]) + len(targets[place]))
    for start in range(0, len(places), batch_size):
        batch = places[start : start + batch_size]
        source, target = (scorer.encode([texts[place] for place in batch]) for texts in (sources, targets))
        wanted, read = target["input_ids"], target["attention_mask"].bool()
        with torch.inference_mode():
            labels = wanted.masked_fill(~read, -100)
            logits = scorer.model(source["input_ids"], attention_mask=source["attention_mask"], labels=labels).logits
        each = logits.float().log_softmax(-1).gather(-1, wanted.unsqueeze(-1)).squeeze(-1)
        means = (each * read).sum(1) / read.sum(1).clamp(min=1)
        for place, mean in zip(batch, means.tolist(), strict=True):
            found[place] = mean
    return found
