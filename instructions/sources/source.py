"""What a source's YAML may hold."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from instructions.config import read_yaml
from mentalglm.errors import UserError

FOLDER = Path(__file__).parent

Reader = Literal["role_turns", "speaker_lines", "input_output", "alternating", "exam", "posts"]
Role = Literal["user", "assistant"]


class Source(BaseModel):
    """One source of text.

    Attributes:
        name: The source's name, also its file's name.
        title: What people call it.
        reader: Which file format it comes in; see ``instructions/sources/turns.py``.
        files: The files, relative to the data folder.
        speakers: Who is the user and who the assistant, where the file gives them names.
        heldout: A file of hashes of test posts, relative to the data folder; a row that holds one is not used.
        licence: The licence, as an SPDX name.
        redistributable: Whether the text itself may be handed on.
        citation: Where it comes from.
        language: The language of the text.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    reader: Reader
    files: list[str] = Field(min_length=1)
    speakers: dict[str, Role] = {}
    heldout: str | None = None
    licence: str
    redistributable: bool
    citation: str
    language: Literal["zh", "en"]


def source_names() -> list[str]:
    """The names of the sources that come with the repository."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_source(name: str) -> Source:
    """The source called ``name``.

    Raises:
        UserError: No such source, or its file breaks the schema.
    """
    if name not in source_names():
        raise UserError(f"unknown source {name!r}; known sources: {', '.join(source_names())}")
    source: Source = read_yaml(FOLDER / f"{name}.yaml", Source)
    if source.name != name:
        raise UserError(f"{FOLDER / name}.yaml: name: {source.name!r} must equal the file's name, {name!r}")
    return source
