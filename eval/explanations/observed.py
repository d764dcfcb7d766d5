"""What is known of an explanation without keeping its words: it quotes a post that is not ours to keep.

``explained`` of a sample holds it, for the model's explanation (``own``), the gold one (``gold``) and the constant
template under the model's labels (``template``), each null where there is none::

    {"recovered": ["高自杀风险"], "sha256": "…", "characters": 57, "quoted": [2, 2], "distinct": [41, 49, 48, 48],
     "repeated": false, "advice": false, "diagnosis": false, "contradiction": false}

``recovered`` are the labels found from the explanation alone (:mod:`eval.explanations.label_recovery`), null where
there was too little to learn that from, which ``recoverable`` beside the three also says; ``quoted`` is how many
quotations the post holds, of how many; ``distinct`` is the number of different words and of words, then of different
pairs and of pairs. ``template`` also has ``text``, where its words may be kept.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from eval.data import Data
from eval.explanations.label_recovery import LabelRecovery, fit_label_recovery
from eval.explanations.templates import Template, Templates
from eval.same_post import post_key
from mentalglm.analysis import Analysis
from mentalglm.quotations import quoted_words
from mentalglm.readers import LabelledRow
from mentalglm.tasks import Task
from mentalglm.text_checks import contradicts_label, gives_advice, gives_diagnosis, word_runs

# A stretch of so many words (characters, in Chinese) that comes back is a repetition.
REPEATED_RUN = 6

Observed = dict[str, Any]


class Observer:
    """Looks at the explanations of one task; learns from its training rows when first asked."""

    def __init__(self, data: Data, may_keep: Callable[[str | None], bool]) -> None:
        """Learns nothing yet.

        Args:
            data: The rows evaluated and those to learn from.
            may_keep: Whether words of a row of this licence may be kept.
        """
        self._data, self._task, self._may_keep = data, data.task, may_keep

    def each(self, rows: Sequence[LabelledRow], answers: Sequence[Analysis | None]) -> list[Observed | None]:
        """What ``explained`` says of each row and its answer; None where there is no answer."""
        templates = [self._templates.of(answer.labels) if answer and _stands(answer) else None for answer in answers]
        own = self._recovered([answer.explanation if answer else None for answer in answers])
        gold = self._recovered([row.explanation for row in rows])
        constant = self._recovered([template.text if template else None for template in templates])
        found: list[Observed | None] = []
        for place, (row, answer, template) in enumerate(zip(rows, answers, templates, strict=True)):
            if answer is None:
                found.append(None)
                continue
            said = observe(answer.explanation, row.text, answer.labels, self._task, own[place])
            known = observe(row.explanation, row.text, row.labels, self._task, gold[place])
            built = self._constant(template, row, answer, constant[place])
            recoverable = self._recovery is not None
            found.append({"recoverable": recoverable, "own": said, "gold": known, "template": built})
        return found

    def _constant(
        self, template: Template | None, row: LabelledRow, answer: Analysis, recovered: list[str] | None
    ) -> Observed | None:
        if template is None:
            return None
        seen = observe(template.text, row.text, answer.labels, self._task, recovered) or {}
        kept = all(map(self._may_keep, template.licenses))
        return {**seen, "text": template.text if kept else None}

    def _recovered(self, texts: Sequence[str | None]) -> list[list[str] | None]:
        if self._recovery is None:
            return [None] * len(texts)
        labels = iter(self._recovery.recover([text for text in texts if text]))
        return [next(labels) if text else None for text in texts]

    @cached_property
    def _train(self) -> list[LabelledRow]:
        """Training rows with an explanation whose post is not among those evaluated."""
        evaluated = {post_key(row.text) for row in self._data.samples}
        return [row for row in self._data.train if row.explanation and post_key(row.text) not in evaluated]

    @cached_property
    def _recovery(self) -> LabelRecovery | None:
        return fit_label_recovery(self._train, self._task)

    @cached_property
    def _templates(self) -> Templates:
        return Templates(self._train, self._task)


def observe(
    text: str | None, post: str, labels: Sequence[str], task: Task, recovered: list[str] | None
) -> Observed | None:
    """What is known of one explanation; None where there is none."""
    if not text or not text.strip():
        return None
    held = [there for _, there in quoted_words(text, post, task)]
    words, pairs, runs = (word_runs(text, size) for size in (1, 2, REPEATED_RUN))
    return {
        "recovered": recovered,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "characters": len(text),
        "quoted": [sum(held), len(held)],
        "distinct": [len(set(words)), len(words), len(set(pairs)), len(pairs)],
        "repeated": len(set(runs)) < len(runs),
        "advice": gives_advice(text),
        "diagnosis": gives_diagnosis(text),
        "contradiction": contradicts_label(text, list(labels), task),
    }


def _stands(answer: Analysis) -> bool:
    """Whether the answer says what an explanation could be for."""
    return answer.parsed and not answer.abstained
