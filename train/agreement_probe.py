"""Asks two models the same questions: do they give the same labels, and how far apart are their logits?"""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from mentalglm.calibration import Calibration, load_calibrations
from mentalglm.decoding.engine import read_by_torch
from mentalglm.decoding.labels import decide, label_probabilities, label_scores
from mentalglm.errors import UserError
from mentalglm.models import LoadedModel
from mentalglm.prompt import build_messages, encode_prompt
from mentalglm.readers import Row, read_rows
from mentalglm.tasks import load_task

# Invented posts that come with the project.
EXAMPLES = Path(__file__).parents[1] / "examples" / "posts.txt"
_MOST_POSTS = 1000
_LONGEST_POST = 500  # characters; the rest of a post changes no model's mind about rounding
_BATCH = 8
# Questions whose logits are kept: with GLM's 151,552 tokens each of them is 0.6 MB.
_MOST_LOGITS = 256


@dataclass(frozen=True)
class Answers:
    """What one model answers to every question, a post and a task each.

    Attributes:
        labels: Of each question.
        logits: (Q, vocabulary), fp32: what it expects first in the answer, of the first questions.
    """

    labels: list[tuple[str, ...]]
    logits: Any


def read_posts(path: Path) -> list[str]:
    """The posts to ask about.

    Raises:
        UserError: The file cannot be read, or holds none.
    """
    rows = (row for row in read_rows(path) if isinstance(row, Row) and row.text.strip())
    posts = [row.text[:_LONGEST_POST] for row in islice(rows, _MOST_POSTS)]
    if not posts:
        raise UserError(f"{path} holds no posts; give a file of posts, one a line")
    return posts


def ask(loaded: LoadedModel, posts: list[str], tasks: list[str]) -> Answers:
    """Puts every task's question about every post to the model; labels are decided as inference decides them."""
    import torch

    calibrations = load_calibrations(loaded.folder)
    labels: list[tuple[str, ...]] = []
    logits: list[Any] = []
    for name in tasks:
        task = load_task(name)
        style, calibration = task.style_in(loaded.manifest.style), calibrations.get(name, Calibration())
        prompts = [encode_prompt(loaded.tokenizer, build_messages(post, task, style)) for post in posts]
        for start in range(0, len(prompts), _BATCH):
            with torch.inference_mode():
                context = read_by_torch(loaded.model)(prompts[start : start + _BATCH])
                if len(labels) < _MOST_LOGITS:
                    logits.append(context.logits.float().cpu())
                scores = label_scores(context, task, style, loaded.tokenizer)
                rows = label_probabilities(scores, task, calibration).tolist()
            labels += [tuple(decide(row, task, calibration)) for row in rows]
    return Answers(labels, torch.cat(logits)[:_MOST_LOGITS])
