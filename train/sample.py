"""One sample as the model will read it, the tokens that the loss counts marked, and nobody's words shown.

::

    [gMASK]<sop><|user|>
    考虑以下这个帖子:"〔83 字〕" 这个帖子体现了怎样的自杀风险？<|assistant|>
    [这个][帖子][体现了][低自杀风险][。][依据：][「]〔5 字〕[」][。][理由：]〔31 字〕[<|user|>]

Only what the project itself wrote is shown: the wording of questions, labels, marks. The post, the words quoted from it
and the reason become a count of characters, unless ``show_sample=true``.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from mentalglm.answer import MARKS, parse_answer, render_head
from mentalglm.prompt import encode_example, find_post
from mentalglm.tasks import Task, load_task, task_names
from train.config import TrainConfig
from train.data import Example, read_batches, split_file
from train.progress import say
from train.tokenized import TokenizedData

Messages = list[dict[str, str]]
Span = tuple[int, int]

_LOOK = 256  # rows and examples among which a sample is looked for


@dataclass(frozen=True)
class Piece:
    """A few tokens that make whole characters.

    Attributes:
        text: What they say; None where it is withheld.
        length: Its characters.
        scored: Whether the loss counts them.
    """

    text: str | None
    length: int
    scored: bool


def sample_pieces(tokenizer: Any, example: Example, messages: Messages, task: Task | None, show: bool) -> list[Piece]:
    """The sample, piece by piece.

    Args:
        tokenizer: The model's.
        example: The sample as the trainer holds it.
        messages: Those it was made from, by which words of the project are told from words of people; none if unknown.
        task: The row's; None where it is none that is known.
        show: Whether all of it may be shown.
    """
    pieces = _decoded(tokenizer, example)
    if show:
        return pieces
    text = "".join(piece.text or "" for piece in pieces)
    seen = _template_and_wording(text, messages, task) if messages else []
    special = set(tokenizer.all_special_tokens)
    shown, position = list[Piece](), 0
    for piece in pieces:
        end = position + piece.length
        # A piece that lies half in a post is withheld whole.
        visible = piece.text in special or any(start <= position and end <= stop for start, stop in seen)
        shown.append(piece if visible else Piece(None, piece.length, piece.scored))
        position = end
    return shown


def _decoded(tokenizer: Any, example: Example) -> list[Piece]:
    """Tokens as text; those of a byte-level vocabulary that are parts of one character go together."""
    pieces, held = list[Piece](), list[int]()
    ids, scored = example.ids.tolist(), example.scored.tolist()
    for place, token in enumerate(ids):
        held.append(token)
        text = tokenizer.decode(held)
        last = place + 1 == len(ids) or scored[place + 1] != scored[place]
        if not text.endswith("\ufffd") or last or len(held) > 8:
            pieces.append(Piece(text, len(text), bool(scored[place])))
            held = []
    return pieces


def _template_and_wording(text: str, messages: Messages, task: Task | None) -> list[Span]:
    """The stretches of ``text`` that hold nobody's words; none at all if a message can't be found in it."""
    seen, position = list[Span](), 0
    for message in messages:
        content = message["content"]
        start = text.find(content, position)
        if start < 0:
            return []
        seen.append((position, start))
        wording = _wording(content, message["role"], task)
        seen += [(start + a, start + b) for a, b in wording]
        position = start + len(content)
    return _joined([*seen, (position, len(text))])


def _wording(content: str, role: str, task: Task | None) -> list[Span]:
    if task is None:
        return []
    if role == "assistant":
        return _answer_wording(content, task)
    found = find_post(content, task) if role == "user" else None
    return [] if found is None else [(0, found[0]), (found[1], len(content))]


def _answer_wording(content: str, task: Task) -> list[Span]:
    """The label sentence, and of the rest the marks and labels."""
    for style, template in task.styles.items():
        answer = parse_answer(content, task, style)
        head = "" if answer is None else render_head(answer.labels, task, style)
        if not head or not content.startswith(head):
            continue
        marks = MARKS[task.language]
        names = sorted((task.surface(style, name) for name in task.label_names), key=len, reverse=True)
        words = [template.evidence or "", *names, marks.between, marks.end, marks.nothing]
        # A quotation is passed over as a whole: what it holds is never read as a mark.
        known = "|".join(["(「)[^「」\n]*(」)", *(re.escape(word) for word in words if word)])
        reason = content.find(template.reason, len(head))
        end = len(content) if reason < 0 else reason
        seen = [(0, len(head))]
        for match in re.finditer(known, content[len(head) : end]):
            groups = [1, 2] if match.group(1) else [0]
            seen += [(len(head) + match.start(group), len(head) + match.end(group)) for group in groups]
        return seen if reason < 0 else [*seen, (reason, reason + len(template.reason))]
    return []


def _joined(spans: list[Span]) -> list[Span]:
    """Spans that touch, made one, so that a token across their border counts as inside."""
    joined = list[Span]()
    for start, end in spans:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        elif end > start:
            joined.append((start, end))
    return joined


def runs(pieces: list[Piece]) -> list[Piece]:
    """The pieces with neighbours that are withheld, and equally scored, made one."""
    merged = list[Piece]()
    for piece in pieces:
        if merged and piece.text is None and merged[-1].text is None and merged[-1].scored == piece.scored:
            merged[-1] = Piece(None, merged[-1].length + piece.length, piece.scored)
        else:
            merged.append(piece)
    return merged


def first_sample(config: TrainConfig, tokenizer: Any, data: TokenizedData) -> tuple[Example, Messages, Task | None]:
    """The first example whose row is in the data as it was encoded, uncut; its messages and its task.

    Failing that, the first example, whose words can't be told apart: no messages, no task.
    """
    path = split_file(config.data, "train")
    assert path is not None
    examples = [data[place] for place in range(min(_LOOK, len(data)))]
    by_ids = {example.ids.tobytes(): example for example in reversed(examples)}
    for row in next(read_batches(path, config.tasks))[:_LOOK]:
        ids, _ = encode_example(tokenizer, row["messages"])
        example = by_ids.get(np.array(ids, dtype=examples[0].ids.dtype).tobytes())
        if example is not None:
            return example, row["messages"], load_task(row["task"]) if row["task"] in task_names() else None
    return examples[0], [], None


def show_sample(config: TrainConfig, tokenizer: Any, data: TokenizedData) -> None:
    """Prints one sample on stderr: the scored tokens in colour on a terminal, else in brackets."""
    from rich.console import Console
    from rich.text import Text

    example, messages, task = first_sample(config, tokenizer, data)
    pieces = runs(sample_pieces(tokenizer, example, messages, task, config.show_sample))
    console = Console(stderr=True)
    scored = "bold green" if console.is_terminal else "in brackets"
    hidden = "" if config.show_sample else "; 〔n 字〕 stands for n characters of people's own words"
    say("")
    say(f"one sample, the {int(example.scored.sum()):,} scored of {len(example.ids):,} tokens {scored}{hidden}:")
    words = [piece.text if piece.text is not None else f"〔{piece.length} 字〕" for piece in pieces]
    if not console.is_terminal:
        marked = (f"[{word}]" if piece.scored else word for word, piece in zip(words, pieces, strict=True))
        say("".join(marked) + "\n")
        return
    shown = Text()
    for word, piece in zip(words, pieces, strict=True):
        shown.append(word, "bold green" if piece.scored else "dim" if piece.text is None else "")
    console.print(shown, end="\n\n", highlight=False)
