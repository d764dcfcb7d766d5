"""The record: one post or conversation with its labels, evidence and explanation for one task; read from JSONL."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from mentalglm.errors import UserError


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Span(_Strict):
    """Words of the text that carry a label; offsets count Unicode code points, ``end`` is exclusive."""

    start: int
    end: int
    label: str | None


class Annotation(_Strict):
    """What another annotator said about the same text."""

    annotator: str
    labels: list[str]
    evidence: list[Span]


class Turn(_Strict):
    """One turn of a conversation."""

    role: Literal["user", "assistant", "system"]
    content: str


class Record(_Strict):
    """One text with its answer for one task.

    Attributes:
        id: Unique in its file.
        group: What must not be divided between splits.
        text: The post; None where the record is a conversation.
        turns: The conversation; None where the record is a post.
        labels: The labels, in the task's canonical order.
        evidence: The words that carry the labels.
        explanation: Why; None where nobody wrote one.
        explanation_by: Who wrote the explanation.
        annotations: What other annotators said.
    """

    id: str
    group: str
    source: str
    license: str
    language: Literal["zh", "en"]
    task: str
    text: str | None = None
    turns: list[Turn] | None = None
    labels: list[str]
    evidence: list[Span]
    explanation: str | None
    explanation_by: Literal["human", "llm", "none"]
    split: Literal["train", "validation", "test"]
    annotations: list[Annotation]
    meta: dict[str, Any]

    @model_validator(mode="after")
    def _one_body(self) -> "Record":
        if (self.text is None) == (self.turns is None):
            raise ValueError("needs either text or turns")
        return self


def read_records(path: Path) -> Iterator[tuple[int, Record | str]]:
    """Reads a JSONL file of records.

    Yields:
        The line number, from 1, with the record or, where the line is none, with the reason (never the text).

    Raises:
        UserError: The file is missing or is not UTF-8 text.
    """
    try:
        with path.open(encoding="utf-8", newline="\n") as lines:
            for number, line in enumerate(lines, 1):
                yield number, _read_line(line)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check the path", code="missing_file") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from None


def _read_line(line: str) -> Record | str:
    try:
        return Record.model_validate(json.loads(line))
    except json.JSONDecodeError:
        return "not valid JSON"
    except ValidationError as error:
        # Locations and messages only: pydantic's own text would show the input.
        first = error.errors(include_input=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'record'}: {first['msg']}"
