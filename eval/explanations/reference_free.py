"""Measures of explanations that need no reference, from what :mod:`eval.explanations.observed` stored of each."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from eval.explanations.spans import WIDTH, span_measures, span_sums
from eval.explanations.sums import Block, Group, Sample, mean_block
from eval.explanations.text_measures import EXPLAINED, TEXT_MEASURES
from mentalglm.metrics.sums import Floats, ratio
from mentalglm.tasks import Task

# Whose explanation: a key of the sample's ``explained``.
_OF: dict[Group, str] = {"explanations": "own", "template": "template"}
# Part and whole of each measure that is the ratio of two numbers per explanation.
_RATIOS: dict[str, Callable[[Sample], tuple[float, float]]] = {
    "quoted_in_post": lambda seen: (seen["quoted"][0], seen["quoted"][1]),
    "distinct_1": lambda seen: (seen["distinct"][0], seen["distinct"][1]),
    "distinct_2": lambda seen: (seen["distinct"][2], seen["distinct"][3]),
    "repetition": lambda seen: (seen["repeated"], 1),
    "advice": lambda seen: (seen["advice"], 1),
    "diagnosis": lambda seen: (seen["diagnosis"], 1),
    "contradiction": lambda seen: (seen["contradiction"], 1),
    "explanation_length": lambda seen: (seen["characters"], 1),
}


def _seen(sample: Sample, whose: str) -> Sample | None:
    found: Sample | None = (sample.get("explained") or {}).get(whose)
    return found


def _ratio_block(name: str, group: Group) -> Block:
    def rows(samples: Sequence[Sample], task: Task) -> Floats:
        seen = [_seen(sample, _OF[group]) for sample in samples]
        return np.array([_RATIOS[name](one) if one else (np.nan, np.nan) for one in seen], float).reshape(-1, 2)

    def formula(totals: Floats) -> dict[str, Floats]:
        return {name: ratio(totals[:, 0], totals[:, 1])}

    return Block(_block(name, group), 2, rows, formula, "observed", group)


def _distinct_block(group: Group) -> Block:
    """Different explanations over all: a row counts one over the number of rows with the very same words."""

    def rows(samples: Sequence[Sample], task: Task) -> Floats:
        seen = [_seen(sample, _OF[group]) for sample in samples]
        times = Counter(one["sha256"] for one in seen if one)
        values = [(1 / times[one["sha256"]], 1.0) if one else (np.nan, np.nan) for one in seen]
        return np.array(values, float).reshape(-1, 2)

    def formula(totals: Floats) -> dict[str, Floats]:
        return {"distinct_explanations": ratio(totals[:, 0], totals[:, 1])}

    return Block(_block("distinct_explanations", group), 2, rows, formula, "observed", group)


def _consistency_block(group: Group) -> Block:
    """F1 of the labels recovered against the labels given, which is accuracy where there is one label each.

    A row's sums are twice the labels in common and the labels of both together: of the explanation judged, of the gold
    one, and of the explanation judged where there is a gold one, for the ratio.
    """

    def rows(samples: Sequence[Sample], task: Task) -> Floats:
        made = np.full((len(samples), 6), np.nan)
        for place, sample in enumerate(samples):
            if (sample.get("explained") or {}).get("recoverable"):
                decided = sample["parsed"] and not sample["abstained"]
                own = _agreement(_seen(sample, _OF[group]), sample["labels" if decided else "gold"])
                known = _seen(sample, "gold")
                gold = _agreement(known, sample["gold"]) if known else (0.0, 0.0)
                made[place] = *own, *gold, *(own if known else (0.0, 0.0))
        return made

    def formula(totals: Floats) -> dict[str, Floats]:
        own, gold, beside = (ratio(totals[:, i], totals[:, i + 1]) for i in (0, 2, 4))
        found = {"consistency": own, "consistency_ratio": ratio(beside, gold)}
        return {**found, "gold_consistency": gold} if group == "explanations" else found

    return Block(_block("consistency", group), 6, rows, formula, "label_recovery", group)


def _agreement(seen: Sample | None, labels: Sequence[str]) -> tuple[float, float]:
    """Twice the labels in common, and the labels of both; without an explanation all are missed and as many wrong."""
    if seen is None:
        return 0.0, 2.0 * max(len(labels), 1)
    recovered = set(seen["recovered"])
    return 2.0 * len(recovered & set(labels)), float(len(recovered) + len(set(labels)))


def _template_block(block: Block) -> Block:
    """A measure against the reference, of the template in the place of the model's explanation."""

    def rows(samples: Sequence[Sample], task: Task) -> Floats:
        words = [(_seen(sample, "template") or {}).get("text") for sample in samples]
        if not any(words):
            return np.full((len(samples), block.width), np.nan)
        changed = [{**sample, "explanation": text} for sample, text in zip(samples, words, strict=True)]
        return block.rows(changed, task)

    return replace(block, name=_block(block.name, "template"), rows=rows, needs="template", group="template")


def _block(name: str, group: Group) -> str:
    return name if group == "explanations" else f"template_{name}"


def _probe_block(name: str, key: str, field: str | None = None) -> Block:
    def value(sample: Sample, task: Task) -> float | None:
        found = (sample.get("probes") or {}).get(key)
        return found[field] if field and found else found

    return mean_block(name, value, needs="probe")


def _span_block(name: str, labelled: bool) -> Block:
    """Evidence by spans. Where no row of the file has any, it was never marked: then none is judged."""

    def rows(samples: Sequence[Sample], task: Task) -> Floats:
        made = np.full((len(samples), WIDTH), np.nan)
        if any(sample["gold_evidence"] for sample in samples) and (task.many or not labelled):
            for place, sample in enumerate(samples):
                if sample["gold_evidence"] is not None:
                    made[place] = span_sums(sample["evidence"], sample["gold_evidence"], labelled)
        return made

    def formula(totals: Floats) -> dict[str, Floats]:
        return {f"{name}_{measure}": values for measure, values in span_measures(totals).items()}

    return Block(name, WIDTH, rows, formula, "many" if labelled else "gold_evidence")


def _own_and_template(group: Group) -> tuple[Block, ...]:
    ratios = (_ratio_block(name, group) for name in _RATIOS)
    return (_consistency_block(group), *ratios, _distinct_block(group))


REFERENCE_FREE: tuple[Block, ...] = (
    *_own_and_template("explanations"),
    _span_block("evidence", labelled=False),
    _span_block("labelled_evidence", labelled=True),
    _probe_block("comprehensiveness", "comprehensiveness"),
    _probe_block("sufficiency", "sufficiency"),
    _probe_block("self_consistency", "self-consistency", "agreement"),
    _probe_block("self_consistency_chrf", "self-consistency", "chrf"),
)
TEMPLATE: tuple[Block, ...] = (
    *(_template_block(block) for block in TEXT_MEASURES if block is not EXPLAINED),
    *_own_and_template("template"),
)
