"""Shortens a row that is too long: the post gives way, never the instruction, the words that are quoted, the answer."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from typing import Any

import regex  # type: ignore[import-untyped]

from mentalglm.prompt import Messages, encode_example, find_post
from mentalglm.tasks import load_task, task_names

MARK = "……"
_QUOTATIONS = [re.compile(pattern) for pattern in ("「([^「」]+)」", "“([^“”]+)”", '"([^"\n]+)"')]
_SLACK = 2  # tokens that may stay unused where one more character might have fitted

# What stays of a post at a size from 0 to the largest, which is all of it.
Cut = tuple[Callable[[int], str], int]


def truncate_row(tokenizer: Any, row: dict[str, Any], max_seq_length: int) -> Messages | None:
    """Shortens a row to ``max_seq_length`` tokens.

    Of a post one stretch stays: the one around everything that the answer quotes, or the beginning if it quotes
    nothing; ``……`` stands where something is missing. Of a conversation whole turns go, the earliest first.

    Args:
        tokenizer: The model's.
        row: An instruction row; one that fits is given back as it is.
        max_seq_length: The longest example.

    Returns:
        The row's messages, shortened; None where that cannot be done without harm.
    """
    messages: Messages = row["messages"]
    asked = [place for place, message in enumerate(messages) if message["role"] == "user"]
    if len(asked) > 1:
        return _without_earliest_exchanges(tokenizer, messages, asked, max_seq_length)
    if not asked or row["task"] not in task_names():
        return None
    task, content = load_task(row["task"]), messages[asked[0]]["content"]
    found = find_post(content, task)
    if found is None:
        return None
    start, end = found
    post = content[start:end]
    core = _core(_quoted(messages, post), post)
    text_at, largest = _turns_cut(post, core) if task.input == "conversation" else _stretch_cut(post, core)

    def shortened(size: int) -> Messages:
        question = {"role": "user", "content": content[:start] + text_at(size) + content[end:]}
        return [*messages[: asked[0]], question, *messages[asked[0] + 1 :]]

    size = _largest_fitting(lambda size: max_seq_length - _length(tokenizer, shortened(size)), largest)
    return None if size is None else shortened(size)


def _without_earliest_exchanges(
    tokenizer: Any, messages: Messages, asked: list[int], max_seq_length: int
) -> Messages | None:
    said = "\n".join(message["content"] for message in messages if message["role"] != "assistant")
    for first in asked:
        kept = messages[: asked[0]] + messages[first:]
        if not any(message["role"] == "assistant" for message in kept):
            return None
        if _length(tokenizer, kept) <= max_seq_length:
            heard = "\n".join(message["content"] for message in kept if message["role"] != "assistant")
            return kept if all(words in heard for words in _quoted(kept, said)) else None
    return None


def _length(tokenizer: Any, messages: Messages) -> int:
    return len(encode_example(tokenizer, messages)[0])


def _quoted(messages: Messages, text: str) -> set[str]:
    """The words of ``text`` that the answers in ``messages`` quote."""
    answers = [message["content"] for message in messages if message["role"] == "assistant"]
    return {words for kind in _QUOTATIONS for answer in answers for words in kind.findall(answer) if words in text}


def _core(quoted: Iterable[str], post: str) -> tuple[int, int]:
    """Start and end of the shortest stretch of ``post`` that holds all the words quoted; (0, 0) if there are none."""
    starts = {found.start() for words in quoted for found in re.finditer(f"(?={re.escape(words)})", post)}
    best = (0, len(post) if starts else 0)
    for start in sorted(starts):
        places = {words: post.find(words, start) for words in quoted}
        if min(places.values()) < 0:
            break
        stretch = (start, max(place + len(words) for words, place in places.items()))
        best = min(best, stretch, key=lambda span: span[1] - span[0])
    return best


def _stretch_cut(post: str, core: tuple[int, int]) -> Cut:
    """One stretch around ``core``, which grows to both sides as long as there is something; never into a character.

    A character is what a reader sees as one (Unicode's extended grapheme cluster): a family of emoji is not parted.
    """
    bounds = [0, *(found.end() for found in regex.finditer(r"\X", post))]
    count = len(bounds) - 1
    first, last = bisect_right(bounds, core[0]) - 1, bisect_left(bounds, core[1])
    least = max(last - first, min(count, 1))

    def text_at(size: int) -> str:
        width = least + size
        start = min(max(first - size // 2, 0), count - width)
        end = start + width
        return MARK * (start > 0) + post[bounds[start] : bounds[end]] + MARK * (end < count)

    return text_at, count - least


def _turns_cut(post: str, core: tuple[int, int]) -> Cut:
    """The last turns of a conversation, one a line, from the one with the first words quoted."""
    starts = [0, *(found.end() for found in re.finditer("\n", post))]
    least = bisect_right(starts, core[0]) - 1 if core[1] else len(starts) - 1

    def text_at(size: int) -> str:
        start = starts[least - size]
        return MARK + "\n" + post[start:] if start else post

    return text_at, least


def _largest_fitting(room: Callable[[int], int], largest: int) -> int | None:
    """The largest size with no less than 0 tokens of ``room`` left (or at most 2), None if none has.

    Room shrinks with the size nearly in a straight line, so the next size to try lies where the line meets 0.
    """
    low, high = 0, largest
    low_room, high_room = room(low), room(high)
    if low_room < 0:
        return None
    if high_room >= 0:
        return high
    tries = 0
    while high - low > 1 and low_room > _SLACK:
        tries += 1
        share = 0.5 if tries % 3 == 0 else low_room / (low_room - high_room)
        middle = min(max(low + round((high - low) * share), low + 1), high - 1)
        middle_room = room(middle)
        if middle_room < 0:
            high, high_room = middle, middle_room
        else:
            low, low_room = middle, middle_room
    return low
