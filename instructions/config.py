"""What a build can be told; unknown keys are refused by name."""

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mentalglm.errors import UserError


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RecordsPart(_Strict):
    """Instructions made from record files.

    Attributes:
        folder: Where the record files lie, one ``<task>.jsonl`` per task; relative to the config file.
        tasks: Which tasks.
        splits: Which splits are written. ``test`` cannot be asked for: nothing here is a test set.
        style: In which style question and answer are worded.
        drop_advice: Quarantine rows whose explanation advises, or names the level where only the risk is asked.
    """

    folder: Path
    tasks: list[str] = Field(min_length=1)
    splits: list[Literal["train", "validation"]] = ["train", "validation"]
    style: str = "grounded"
    drop_advice: bool = True


class DialogueSource(_Strict):
    """One source of dialogue.

    Attributes:
        name: The name of a file in ``instructions/sources``, without ``.yaml``.
        max_rows: Keep at most this many rows, drawn by the seed; all where it is not given.
    """

    name: str
    max_rows: int | None = Field(default=None, ge=1)


class DialoguePart(_Strict):
    """Dialogue and plain text, all of it split ``train``, task ``dialogue``.

    Attributes:
        sources: Where it comes from.
        max_characters: A dialogue is cut at the last turn that ends within this many characters.
    """

    sources: list[DialogueSource] = Field(min_length=1)
    max_characters: int = Field(default=2000, ge=1)


class Config(_Strict):
    """One build.

    Attributes:
        name: The corpus's name, used in ``dataset_info.json`` and on the data card.
        seed: Decides the order of rows and labels and which rows are drawn.
        records: Instructions from record files.
        dialogue: Dialogue and plain text.
    """

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    seed: int = 1
    records: RecordsPart | None = None
    dialogue: DialoguePart | None = None

    @model_validator(mode="after")
    def _something(self) -> "Config":
        if self.records is None and self.dialogue is None:
            raise ValueError("names neither records nor dialogue; add one")
        return self


def read_yaml(path: Path, model: type[BaseModel]) -> Any:
    """Reads a YAML file into ``model``.

    Raises:
        UserError: The file is missing, is not YAML, or breaks the model; the message names file, key and value.
    """
    try:
        return model.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check the path", code="missing_file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML: {str(error).splitlines()[-1].strip()}") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the whole file"
        raise UserError(f"{path}: {key}: {first['msg']}; the value is {str(first['input'])[:80]!r}") from None
