"""All measures of explanations, in the order in which a table shows them."""

from collections.abc import Sequence

import numpy as np

from eval.explanations.model_measures import MODEL_MEASURES, MODEL_SCORES
from eval.explanations.reference_free import REFERENCE_FREE, TEMPLATE
from eval.explanations.sums import Block, Sample
from eval.explanations.text_measures import EXPLAINED, TEXT_MEASURES
from mentalglm.metrics.sums import Floats
from mentalglm.tasks import Task

BLOCKS: tuple[Block, ...] = (*TEXT_MEASURES, *MODEL_MEASURES, *REFERENCE_FREE, *TEMPLATE)
_ENDS = np.cumsum([0, *(block.width for block in BLOCKS)])


def rows_of(samples: Sequence[Sample], task: Task) -> Floats:
    """Every block's sums of every row side by side."""
    return np.concatenate([block.rows(samples, task) for block in BLOCKS], axis=1)


def each_block(rows: Floats) -> list[tuple[Block, Floats]]:
    """The blocks that were measured, with their part of what :func:`rows_of` made (of no columns: none)."""
    if not rows.shape[1]:
        return []
    parts = [(block, rows[:, start : start + block.width]) for block, start in zip(BLOCKS, _ENDS, strict=False)]
    return [(block, part) for block, part in parts if not np.isnan(part).all()]


def not_measured(rows: Floats, task: Task) -> dict[str, str]:
    """By block what could not be measured, with what it lacked: a key of :data:`eval.explanations.wording.LACKING`."""
    if not rows.shape[1]:
        return {"explanations": "labels_only"}
    measured = {block.name for block, _ in each_block(rows)}
    referred = counts(rows)["n_referred"] > 0
    return {
        block.name: block.needs if referred or block.needs not in MODEL_SCORES else "gold_explanation"
        for block in BLOCKS
        if block.name not in measured and block.language in (None, task.language)
    }


def counts(rows: Floats) -> dict[str, int]:
    """How many rows hold an explanation's words, and how many those of one to hold it against."""
    known = {block.name: part for block, part in each_block(rows)}.get(EXPLAINED.name, np.zeros((0, 4)))
    return {"n_explained": int(np.nansum(known[:, 2])), "n_referred": int(np.nansum(known[:, 3]))}


def measured_in_all(runs: Sequence[Floats]) -> list[Floats]:
    """The runs' sums without the blocks that one of them lacks, so that they can be compared."""
    common = set.intersection(*({block.name for block, _ in each_block(rows)} for rows in runs))
    if not common:
        return [rows[:, :0] for rows in runs]
    lacking = np.repeat([block.name not in common for block in BLOCKS], [block.width for block in BLOCKS])
    return [np.where(lacking, np.nan, rows) for rows in runs]
