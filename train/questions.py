"""The validation split as questions whose answers are known, in the groups in which a model reads them."""

import json
import random
from collections import defaultdict
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

from mentalglm.answer import parse_answer, render_head
from mentalglm.decoding.batches import batches_of
from mentalglm.prompt import Messages, encode_prompt, encode_text
from mentalglm.tasks import Task, load_task, task_names
from train.config import TrainConfig
from train.data import read_instructions
from train.truncate import truncate_row

# Logits computed at once: with GLM's 151,552 tokens and a task of 19 labels, a few rows' worth. 256 MiB in float32.
_LOGITS = 2**26


@dataclass(frozen=True)
class Question:
    """One validation row.

    Attributes:
        prompt: Token ids of the row's own question, up to where the answer begins.
        labels: The labels of the row's answer.
        post: The question's text: what rows about the same post have in common.
    """

    prompt: list[int]
    labels: tuple[str, ...]
    post: str


@dataclass(frozen=True)
class AskedTask:
    """The questions of one task.

    Attributes:
        task: The task.
        style: The style its answers are in.
        questions: In the order of the split.
        batches: Places in ``questions`` that are read together: the same whatever the number of ranks.
        truncated: Rows whose post was cut.
        left_out: Rows too long to be cut, and rows whose answer names no labels in the style.
    """

    task: Task
    style: str
    questions: list[Question]
    batches: list[list[int]]
    truncated: int
    left_out: int


def read_questions(config: TrainConfig, tokenizer: Any) -> list[AskedTask]:
    """The tasks of the validation split that have labels; none for a split that is absent.

    Raises:
        UserError: The folder is not an instruction folder.
    """
    rows = _drawn(_labelled_rows(config), config)
    asked = [_encoded(load_task(name), of_task, tokenizer, config) for name, of_task in rows.items() if of_task]
    return [one for one in asked if one.questions]


def _labelled_rows(config: TrainConfig) -> dict[str, list[dict[str, Any]]]:
    """The rows that ask a task with labels, by task."""
    found = read_instructions(config.data, "validation")
    known = config.tasks or task_names()  # after reading: the folder may bring tasks of its own
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in found:
        if row["task"] in known and row["messages"][-1]["role"] == "assistant":
            rows[row["task"]].append(row)
    return dict(sorted(rows.items()))


def _drawn(rows: dict[str, list[dict[str, Any]]], config: TrainConfig) -> dict[str, list[dict[str, Any]]]:
    """At most ``max_eval_samples`` rows: one of each task in turn until they are used up."""
    if config.max_eval_samples is None:
        return rows
    shuffled = [random.Random(config.seed).sample(of_task, len(of_task)) for of_task in rows.values()]
    in_turn = [row for row in chain.from_iterable(zip_longest(*shuffled)) if row is not None]
    drawn = in_turn[: config.max_eval_samples]
    return {name: [row for row in drawn if row["task"] == name] for name in rows}


def _encoded(task: Task, rows: list[dict[str, Any]], tokenizer: Any, config: TrainConfig) -> AskedTask:
    style = _style_of(task, rows, config)
    heads = [render_head((name,), task, style) for name in task.label_names]
    heads += [render_head((), task, style)] if task.many else []
    sizes = [len(encode_text(tokenizer, head)) for head in heads]
    longest = heads[sizes.index(max(sizes))]
    questions, truncated = [], 0
    for row in rows:
        answer = parse_answer(row["messages"][-1]["content"], task, style)
        if answer is None:
            continue
        question = row["messages"][:-1]
        prompt = encode_prompt(tokenizer, question)
        if len(prompt) + max(sizes) >= config.max_seq_length:
            shorter = _truncated(row, longest, tokenizer, config)
            if shorter is None:
                continue
            prompt = encode_prompt(tokenizer, shorter[:-1])
            truncated += 1
        questions.append(Question(prompt, answer.labels, question[-1]["content"]))
    batches = _batches(questions, logits=2 * sum(sizes) * len(tokenizer), config=config)
    return AskedTask(task, style, questions, batches, truncated, len(rows) - len(questions))


def _truncated(row: dict[str, Any], longest: str, tokenizer: Any, config: TrainConfig) -> Messages | None:
    """The row's messages, cut to fit with the longest answer; None where that cannot be done or is not wanted.

    It is cut with a bare label for an answer: the true one would tell, by what it quotes, where to cut.
    """
    if config.overlong == "drop":
        return None
    bare = [*row["messages"][:-1], {"role": "assistant", "content": longest}]
    return truncate_row(tokenizer, row | {"messages": bare}, config.max_seq_length)


def _batches(questions: list[Question], logits: int, config: TrainConfig) -> list[list[int]]:
    """Groups that take no more memory than a training step; a row needs so many ``logits`` at once."""
    lengths = {place: len(question.prompt) for place, question in enumerate(questions)}
    groups = batches_of(lengths, config.per_device_train_batch_size * config.max_seq_length)
    at_once = max(1, _LOGITS // logits)
    return [group[start : start + at_once] for group in groups for start in range(0, len(group), at_once)]


def _style_of(task: Task, rows: list[dict[str, Any]], config: TrainConfig) -> str:
    """The style in which most of the answers can be read; of equal ones, that which the build noted."""
    path = config.data / "corpus.json"
    noted = json.loads(path.read_text(encoding="utf-8")).get("style") if path.is_file() else None
    styles = sorted(task.styles, key=lambda style: style != noted)
    answers = [row["messages"][-1]["content"] for row in rows]
    return max(styles, key=lambda style: sum(parse_answer(text, task, style) is not None for text in answers))
