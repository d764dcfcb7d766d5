"""The parts of a source's YAML: its files or its data set on the hub, and how its rows answer a task."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Split = Literal["train", "validation", "test"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceFile(_Strict):
    """One file of a source.

    Attributes:
        path: Where it lies, relative to the data folder.
        sha256: The hash of the file that the YAML was written for, where that is fixed.
        split: Which split its rows belong to, where the source's ``splits`` is ``file``.
        sheets: Which sheets of a workbook are read; the first where none is named.
        header_row: The row that holds the columns' names, from 1; what stands above it is left out.
        rename: Columns that this file calls otherwise than the source does: its name, the source's name.
    """

    path: str = Field(min_length=1)
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    split: Split | None = None
    sheets: list[str] = []
    header_row: int = Field(default=1, ge=1)
    rename: dict[str, str] = {}


class Hub(_Strict):
    """A data set that ``datasets`` loads by name, or a folder that holds one.

    Attributes:
        name: Its name on the hub, or a folder relative to the data folder.
        revision: The commit or tag; the newest where none is given.
        config: The name of its configuration, where it has several.
        splits: Which of its splits are read, and which of ours each one is where ``splits`` of the source is ``file``.
    """

    name: str = Field(min_length=1)
    revision: str | None = None
    config: str | None = None
    splits: dict[str, Split] = {"train": "train"}


class TaskRows(_Strict):
    """How a source's rows answer one task: by ``labels``, by ``ticks``, by ``annotators`` or by assumption.

    Attributes:
        task: The task's name.
        labels: The column that holds the label, or labels separated by ``、``, ``;``, ``|`` or a comma, or a list.
        map: What the column's values stand for: a label, several, none (``[]``), or that the row is not used for this
            task (``null``). A value that is not here must be a label of the task.
        ticks: Columns that hold a tick where a label applies, each with its label.
        annotators: People, each with the column of their labels or with their own columns of ticks. Where the column
            ``labels`` is blank or not named, the label is what all of them agree on.
        assumed: The labels that every row is given without anyone having looked.
        explanation: As in the source, for this task; ``null`` leaves the explanation out.
        explanation_by: As in the source, for this task.
        evidence: As in the source, for this task.
    """

    task: str = Field(min_length=1)
    labels: str | None = None
    map: dict[str, str | list[str] | None] = {}
    ticks: dict[str, str] = {}
    annotators: dict[str, str | dict[str, str]] = {}
    assumed: list[str] | None = None
    explanation: str | None = None
    explanation_by: Literal["human", "llm"] | None = None
    evidence: str | None = None

    @field_validator("map", mode="before")
    @classmethod
    def _numbers_are_words(cls, value: Any) -> Any:
        """YAML reads ``1:`` as a number and ``yes`` as a truth value: the first is meant, the second is a trap."""
        if not isinstance(value, Mapping):
            return value
        for item in (*value, *value.values()):
            if isinstance(item, bool):
                raise ValueError('yes, no, true and false need quotes in YAML: write "yes"')
        return {
            str(key) if isinstance(key, int) else key: str(label) if isinstance(label, int) else label
            for key, label in value.items()
        }

    @model_validator(mode="after")
    def _one_way(self) -> "TaskRows":
        ways = [name for name in ("labels", "ticks", "assumed") if getattr(self, name) not in (None, {})]
        if len(ways) > 1:
            raise ValueError(f"{' and '.join(ways)}: name one of them")
        if self.assumed is not None and self.annotators:
            raise ValueError("assumed and annotators: name one of them")
        return self
