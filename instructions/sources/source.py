"""What a source's YAML may hold, and how it is found."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from instructions.sources.parts import Hub, SourceFile
from instructions.sources.parts import TaskRows as TaskRows
from mentalglm.errors import UserError
from mentalglm.yaml_files import read_yaml, validated

FOLDER = Path(__file__).parent

Role = Literal["user", "assistant"]
Reader = Literal[
    "table", "hub", "lines", "hierarchy", "imhi",  # posts
    "messages", "sharegpt", "alpaca",  # posts with an answer where the source has tasks, else dialogue
    "role_turns", "speaker_lines", "input_output", "alternating", "exam",  # dialogue
]  # fmt: skip

# Readers whose rows hold an answer as a text, so that no column of labels needs to be named.
ANSWERED = ("imhi", "messages", "sharegpt", "alpaca")
DIALOGUE_ONLY = ("role_turns", "speaker_lines", "input_output", "alternating", "exam")


class Source(BaseModel):
    """One source of text.

    Attributes:
        name: The source's name; of a shipped one also its file's name.
        title: What people call it; the name where none is given.
        reader: Which format it comes in; see ``posts.py`` for posts and ``turns.py`` for dialogue.
        files: The files, relative to the data folder; a bare string is a path.
        hub: The data set to load by name, for the reader ``hub``.
        url: Where its owner publishes it.
        licence: The licence, as an SPDX name; ``NOASSERTION`` where none is stated.
        redistributable: Whether the text itself may be handed on.
        citation: Where it comes from.
        language: The language of the text.
        heldout: A file of hashes of test posts, relative to the data folder; a row that holds one is not used.
        speakers: Who is the user and who the assistant, where a dialogue's file gives them names.
        splits: ``post``: the build divides by the post; ``file``: as the files say; ``column``: as a column says.
        split_column: The column that says it.
        encoding: The encoding of those bytes of an English file that are not UTF-8.
        repair_mojibake: Whether text that was decoded wrongly before it got here is repaired.
        text: The column or key that holds the post; for the reader ``imhi`` the question.
        answer: The column that holds the answer, for the reader ``imhi``.
        post_pattern: A regular expression whose one group is the post, where a user's turn holds more than that.
        id: The column that holds the row's own name; it goes to ``meta``.
        group: The column whose equal values must not be divided between splits, such as the author.
        meta: Columns that are kept as they are.
        explanation: The column that holds the explanation.
        explanation_by: Who wrote the explanations.
        evidence: The column that quotes words of the post.
        tasks: The tasks that the rows are read for; none for dialogue.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[^\s:/\\]+$")
    title: str = ""
    reader: Reader
    files: list[SourceFile] = []
    hub: Hub | None = None
    url: str | None = None
    licence: str = "NOASSERTION"
    redistributable: bool = False
    citation: str = ""
    language: Literal["zh", "en"]
    heldout: str | None = None
    speakers: dict[str, Role] = {}
    splits: Literal["post", "file", "column"] = "post"
    split_column: str | None = None
    encoding: Literal["cp1252", "mac_roman", "latin-1"] | None = None
    repair_mojibake: bool = False
    text: str = "text"
    answer: str | None = None
    post_pattern: str | None = None
    id: str | None = None
    group: str | None = None
    meta: list[str] = []
    explanation: str | None = None
    explanation_by: Literal["human", "llm"] = "human"
    evidence: str | None = None
    tasks: list[TaskRows] = []

    @model_validator(mode="before")
    @classmethod
    def _titled(cls, value: Any) -> Any:
        return {"title": value.get("name", ""), **value} if isinstance(value, Mapping) else value

    @field_validator("files", mode="before")
    @classmethod
    def _bare_paths(cls, value: Any) -> Any:
        return (
            [{"path": file} if isinstance(file, str) else file for file in value] if isinstance(value, list) else value
        )

    @model_validator(mode="after")
    def _consistent(self) -> "Source":
        if (self.reader == "hub") != (self.hub is not None) or bool(self.files) == (self.hub is not None):
            raise ValueError("files: needed by every reader but hub, which needs hub: instead")
        pages = [(file.path, sheet) for file in self.files for sheet in file.sheets or [""]]
        if len(set(pages)) < len(pages):
            raise ValueError("files: a file or sheet stands twice")
        if self.post_pattern is not None and _groups(self.post_pattern) != 1:
            raise ValueError("post_pattern: needs one group, the post: (…)")
        if (self.splits == "column") != (self.split_column is not None):
            raise ValueError("split_column: needed where splits is column, and only there")
        if self.tasks and self.reader in DIALOGUE_ONLY:
            raise ValueError(f"tasks: the reader {self.reader} gives dialogue, which has no labels")
        if self.reader == "imhi" and (self.answer is None or not self.tasks):
            raise ValueError("answer, tasks: the reader imhi needs both")
        names = [rows.task for rows in self.tasks]
        if len(set(names)) < len(names):
            raise ValueError("tasks: a task stands twice")
        for rows in self.tasks:
            named = rows.labels is not None or rows.ticks or rows.annotators or rows.assumed is not None
            if not named and self.reader not in (*ANSWERED, "hierarchy"):
                raise ValueError(f"tasks: {rows.task}: name its labels, ticks, annotators or assumed")
        return self

    def of_task(self, rows: TaskRows, key: Literal["explanation", "explanation_by", "evidence"]) -> str | None:
        """What ``key`` is for one task: the task's own value where it gives one, null included; else the source's."""
        value: str | None = getattr(rows if key in rows.model_fields_set else self, key)
        return value


def _groups(pattern: str) -> int:
    try:
        return re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"post_pattern: not a regular expression: {error}") from None


def source_names() -> list[str]:
    """The names of the sources that come with the repository."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_source(name: str | Path) -> Source:
    """The source called ``name``, or the one that the YAML file ``name`` describes.

    Raises:
        UserError: No such source, or its file breaks the schema.
    """
    if str(name) in source_names():
        path = FOLDER / f"{name}.yaml"
        source = read_yaml(path, Source)
        if source.name != str(name):
            raise UserError(f"{path}: name: {source.name!r} must equal the file's name, {str(name)!r}")
        return source
    if Path(name).suffix not in (".yaml", ".yml"):
        raise UserError(
            f"unknown source {str(name)!r}; known sources: {', '.join(source_names())}; or give the path of a YAML file"
        )
    return read_yaml(Path(name), Source)


def source_from(mapping: Mapping[str, Any], where: str) -> Source:
    """The source that a mapping describes; ``where`` is what errors call the place it was written in.

    Raises:
        UserError: The mapping breaks the schema; the message names the key and the value.
    """
    return validated(mapping, Source, where)
