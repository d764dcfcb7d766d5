"""Examples before the question: k per label, drawn by seed from the training rows, never from those evaluated.

The examples become part of the task's wording, in the model's own style of question and answer, so that label scoring,
free generation, windows and endpoints all ask in the same words, and the prompt hash covers them.
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass

from eval.same_post import post_key, shared_posts
from mentalglm.answer import Answer, render_answer
from mentalglm.errors import UserError
from mentalglm.readers import LabelledRow
from mentalglm.special_tokens import break_special_tokens
from mentalglm.tasks import Task

_INTRODUCTION = {"zh": "先看几个例子。", "en": "Here are some examples."}
_THEN = {"zh": "现在请回答：", "en": "Now answer:"}
# A post that holds it could not be told from the place where the post in question goes.
_SLOT = "{post}"


@dataclass(frozen=True)
class Shots:
    """The examples of one task.

    Attributes:
        per_label: How many were wanted of each label.
        seed: Drew them.
        rows: The examples, in the order in which they are shown.
    """

    per_label: int
    seed: int
    rows: tuple[LabelledRow, ...]

    @property
    def sha256(self) -> str:
        """Hash over their posts and labels, in order."""
        digest = hashlib.sha256()
        for row in self.rows:
            digest.update("\x00".join([row.text, *row.labels, "\x01"]).encode())
        return digest.hexdigest()


def draw_shots(
    train: Sequence[LabelledRow], test: Sequence[LabelledRow], task: Task, per_label: int, seed: int, drop_shared: bool
) -> Shots:
    """Draws ``per_label`` examples of every label, and of a task that may have none also as many without.

    A row with several labels is taken once and counts for each of them; a label that fewer rows carry gets those.

    Args:
        train: The rows to draw from.
        test: The rows evaluated.
        task: The task.
        per_label: How many of each label.
        seed: Draws them and their order.
        drop_shared: Leave training rows out whose post is evaluated, instead of refusing.

    Raises:
        UserError: No training rows, or a post stands on both sides.
    """
    shared = shared_posts(train, test)
    if shared and not drop_shared:
        raise UserError(
            f"{task.name}: {len(shared)} evaluated posts also stand among the training rows, such as row "
            f"{shared[0][1].row}; clean the files, or leave them out of the examples with --drop-shared"
        )
    evaluated = {post_key(row.text) for _, row in shared}
    usable = [row for row in train if post_key(row.text) not in evaluated and _SLOT not in row.text]
    if not usable:
        raise UserError(f"{task.name}: examples come from rows of split train, and there are none; give a file of them")
    chosen: dict[int, LabelledRow] = {}
    kinds: list[str | None] = [*task.label_names, *([None] if task.many else [])]
    for kind in kinds:
        rows = [row for row in usable if _is_of(row, kind)]
        random.Random(f"{seed}:{kind}").shuffle(rows)
        missing = per_label - sum(_is_of(row, kind) for row in chosen.values())
        fresh = [row for row in rows if id(row) not in chosen]
        chosen.update((id(row), row) for row in fresh[: max(missing, 0)])
    order = list(chosen.values())
    random.Random(f"{seed}:order").shuffle(order)
    return Shots(per_label, seed, tuple(order))


def _harmless(post: str) -> str:
    """A post of an example is data too: at an endpoint, nothing in it may open or close a turn."""
    return break_special_tokens(post).text


def _is_of(row: LabelledRow, kind: str | None) -> bool:
    return kind in row.labels if kind is not None else not row.labels


def with_shots(task: Task, style: str, shots: Shots) -> Task:
    """``task`` with the examples in front of its question in ``style``; labels alone are shown as answers.

    Only labels are shown, because published sets seldom have more, and a long prompt costs the post its room.
    """
    template = task.styles[style]
    shown = [
        f"{template.prompt.replace(_SLOT, _harmless(row.text))}\n{render_answer(Answer(row.labels), task, style)}"
        for row in shots.rows
    ]
    words = [_INTRODUCTION[task.language], *shown, f"{_THEN[task.language]}\n{template.prompt}"]
    asked = template.model_copy(update={"prompt": "\n\n".join(words)})
    return task.model_copy(update={"styles": {**task.styles, style: asked}})
