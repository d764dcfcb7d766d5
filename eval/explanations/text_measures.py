"""Measures that hold an explanation against a reference by the words or characters they share."""

from collections.abc import Callable, Sequence

import numpy as np

from eval.explanations.overlap import Rouge, bleu, bleu_13a_row, bleu_zh_row, chrf, chrf_row, rouge
from eval.explanations.sums import Block, Sample, explained, referred
from eval.explanations.tokens import characters, words
from mentalglm.metrics.sums import Floats, ratio
from mentalglm.tasks import Task


def pair_block(
    name: str,
    width: int,
    row: Callable[[str, str], Sequence[float]],
    formula: Callable[[Floats], dict[str, Floats]],
    language: str | None = None,
) -> Block:
    """A block whose rows come of an explanation and its reference.

    Args:
        name: The block's name.
        width: How many sums a row has.
        row: From explanation and reference to a row's sums.
        formula: See :class:`eval.explanations.sums.Block`.
        language: The language of the tasks it is for; None for all.
    """

    def rows(samples: Sequence[Sample], task: Task) -> Floats:
        made = np.full((len(samples), width), np.nan)
        for place, sample in enumerate(samples):
            if referred(sample) and language in (None, task.language):
                made[place] = row(sample.get("explanation") or "", sample["gold_explanation"])
        return made

    return Block(name, width, rows, formula, "gold_explanation", language=language)


def _rouge_block(units: str, cut: Callable[[str, str], list[str]]) -> Block:
    names = [f"{name}_{units}" for name in Rouge._fields]
    width = len(names) + 1
    language = "zh" if units == "chars" else None  # of English rouge-score's units are words alone

    def rows(samples: Sequence[Sample], task: Task) -> Floats:
        made = np.full((len(samples), width), np.nan)
        for place, sample in enumerate(samples):
            if referred(sample) and language in (None, task.language):
                said, wanted = (
                    cut(sample.get(key) or "", task.language) for key in ("explanation", "gold_explanation")
                )
                made[place] = *rouge(said, wanted), 1
        return made

    def formula(totals: Floats) -> dict[str, Floats]:
        return {name: ratio(totals[:, i], totals[:, -1]) for i, name in enumerate(names)}

    return Block(f"rouge_{units}", width, rows, formula, "gold_explanation", language=language)


def _known_rows(samples: Sequence[Sample], task: Task) -> Floats:
    known = [
        (_said(s), _said(s) or referred(s) or bool(s.get("explained")), explained(s), referred(s)) for s in samples
    ]
    made = np.array(known, float).reshape(-1, 4)
    return np.where(made[:, 1:2] > 0, made, np.nan)


def _said(sample: Sample) -> bool:
    """Whether the model wrote an explanation, also where its words could not be kept."""
    return explained(sample) or (sample.get("explained") or {}).get("own") is not None


# Whether there is an explanation, of the rows of which that is known; whether its words were kept, and a reference.
EXPLAINED = Block("explained", 4, _known_rows, lambda totals: {"explained": ratio(totals[:, 0], totals[:, 1])})
TEXT_MEASURES = (
    EXPLAINED,
    pair_block("bleu_zh", 10, bleu_zh_row, lambda totals: {"bleu_zh": bleu(totals)}, "zh"),
    pair_block("bleu_13a", 10, bleu_13a_row, lambda totals: {"bleu_13a": bleu(totals)}, "en"),
    pair_block("chrf", 18, chrf_row, lambda totals: {"chrf": chrf(totals)}),
    _rouge_block("words", words),
    _rouge_block("chars", lambda text, language: characters(text)),
)
