"""From a source's rows to turns of user and assistant: one small function per file format.

A function that meets a row it cannot read raises KeyError, TypeError, ValueError or AttributeError; the row is then
quarantined and the rest goes on.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from instructions.sources.files import json_lines, json_list, zipped_lists
from instructions.sources.rows import read_source_rows, stems
from instructions.sources.source import DIALOGUE_ONLY, Source

Turns = list[dict[str, str]]
MALFORMED = (KeyError, TypeError, ValueError, AttributeError)


def read_turns(source: Source, data: Path) -> Iterator[tuple[str, Turns | str]]:
    """Reads every row of ``source``.

    Yields:
        The row's id, with its turns or, where it cannot be used, with the reason.

    Raises:
        UserError: A file is broken as a whole.
    """
    if source.reader not in DIALOGUE_ONLY:
        for place, cells in read_source_rows(source, data):
            row_id = f"{source.name}:{place.stem}:{place.number}"
            yield row_id, cells if isinstance(cells, str) else _turns_or_reason(cells, source)
        return
    for file, stem in zip(source.files, stems([file.path for file in source.files]), strict=True):
        for number, row in enumerate(_rows(source, data / file.path)):
            yield f"{source.name}:{stem}:{number}", _turns_or_reason(row, source)


def role_turns(row: str, source: Source) -> Turns:
    """JSONL ``{"dialogue": [{"role", "content"}…]}`` with the source's own role names."""
    return [_turn(source.speakers[turn["role"]], turn["content"]) for turn in json.loads(row)["dialogue"]]


def speaker_lines(row: str, source: Source) -> Turns:
    """JSONL ``{"text"}`` whose lines open with a speaker's name and a colon; a line without one goes on."""
    named = re.compile(rf"\s*({'|'.join(map(re.escape, source.speakers))})\s*[：:]\s*(.*)")
    turns: Turns = []
    for line in json.loads(row)["text"].splitlines():
        found = named.fullmatch(line)
        if found:
            turns.append(_turn(source.speakers[found.group(1)], found.group(2)))
        elif turns and line.strip():
            turns[-1]["content"] += "\n" + line.strip()
    return turns


def input_output(row: Any, source: Source) -> Turns:
    """A JSON list of ``{"conversation": [{"input", "output", "system"?}…]}``; the system prompt is left out."""
    return [
        _turn(role, pair[key])
        for pair in row["conversation"]
        for role, key in (("user", "input"), ("assistant", "output"))
    ]


def alternating(row: Any, source: Source) -> Turns:
    """A JSON list of ``{"messages": [{"message"}…]}``; the first speaker is the user."""
    return [_turn(("user", "assistant")[k % 2], turn["message"]) for k, turn in enumerate(row["messages"])]


def exam(row: Any, source: Source) -> Turns:
    """A zip of JSON lists ``{"question", "options": {letter: text}, "answer", "explanation"}``."""
    options = [f"{letter}. {text}" for letter, text in row["options"].items() if text]
    answer = f"答案：{row['answer']}"
    if row.get("explanation"):
        answer += f"\n解析：{row['explanation'].strip()}"
    return [_turn("user", "\n".join([row["question"].strip(), *options])), _turn("assistant", answer)]


def messages(row: Any, source: Source) -> Turns:
    """``{"messages": [{"role", "content"}…]}``; the system prompt is left out."""
    return [_turn(turn["role"], turn["content"]) for turn in row["messages"] if turn["role"] in ("user", "assistant")]


def sharegpt(row: Any, source: Source) -> Turns:
    """``{"conversations": [{"from", "value"}…]}``, the user called human or user; the system prompt is left out."""
    roles = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "chatgpt": "assistant"}
    return [_turn(roles[turn["from"]], turn["value"]) for turn in row["conversations"] if turn["from"] in roles]


def alpaca(row: Any, source: Source) -> Turns:
    """``{"instruction", "input"?, "output", "history"?}``; the history holds earlier pairs of question and answer."""
    asked = "\n".join(filter(None, [(row.get("instruction") or "").strip(), (row.get("input") or "").strip()]))
    pairs = [*(row.get("history") or []), (asked, row["output"])]
    return [_turn(role, text) for pair in pairs for role, text in zip(("user", "assistant"), pair, strict=True)]


def answered_turns(row: Any, source: Source) -> Turns:
    """The last question of a row and its answer, for sources whose rows are posts with labels."""
    if source.reader == "alpaca":
        return [_turn("user", row.get("input") or row["instruction"]), _turn("assistant", row["output"])]
    return _READERS[source.reader](row, source)


def post(row: Any, source: Source) -> Turns:
    """A row of a table, a list or a text file: the post alone, said by the user; labels are left out."""
    return [_turn("user", row[source.text])]


_READERS: dict[str, Callable[[Any, Source], Turns]] = {
    "role_turns": role_turns,
    "speaker_lines": speaker_lines,
    "input_output": input_output,
    "alternating": alternating,
    "exam": exam,
    "messages": messages,
    "sharegpt": sharegpt,
    "alpaca": alpaca,
    "table": post,
    "hub": post,
    "lines": post,
    "hierarchy": post,
}


def _rows(source: Source, path: Path) -> Iterator[Any]:
    if source.reader in ("role_turns", "speaker_lines"):
        return json_lines(path)
    if source.reader == "exam":
        return zipped_lists(path, "train/")  # its test questions come without answers
    return iter(json_list(path))


def _turns_or_reason(row: Any, source: Source) -> Turns | str:
    try:
        turns = _tidy(_READERS[source.reader](row, source))
    except MALFORMED:
        return f"not a row that the reader {source.reader} understands"
    return turns or "holds no words of a user"


def _turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content.strip()}


def _tidy(turns: Turns) -> Turns:
    """Drops empty turns, joins neighbours of the same role with a newline, and lets the user begin."""
    tidy: Turns = []
    for turn in turns:
        if not turn["content"] or (not tidy and turn["role"] != "user"):
            continue
        if tidy and tidy[-1]["role"] == turn["role"]:
            tidy[-1]["content"] += "\n" + turn["content"]
        else:
            tidy.append(turn)
    return tidy
