"""``mentalglm.json``: what a model trained here was taught, in which words, on what and with which settings."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mentalglm.errors import UserError
from mentalglm.models.read_json import read_json
from mentalglm.tasks import add_task_of
from mentalglm.yaml_files import first_problem


class Manifest(BaseModel):
    """What a model says of itself. All is optional, so that older, newer and foreign models can be read too.

    Attributes:
        tasks: What it was taught; empty for a model that was not trained here.
        style: In which style; a task that does not come in it was taught in its default one.
        prompt_hash: By task, the hash of the wording it was taught.
        corpus_sha256: Of the corpus it was trained on.
        steps: Optimizer steps taken.
        config: The settings of its training run.
        git: The revision of the code that trained it.
        versions: Of the packages that trained it.
        base_sha256: Of an adapter, the hash of its base's weights, as :func:`mentalglm.models.weights_hash` makes it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    tasks: list[str] = Field(default_factory=list)
    style: str | None = None
    prompt_hash: dict[str, str | None] = Field(default_factory=dict)
    corpus_sha256: str | None = None
    steps: int | None = None
    config: dict[str, Any] = Field(default_factory=dict)
    git: str | None = None
    versions: dict[str, str | None] = Field(default_factory=dict)
    base_sha256: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _null_is_not_said(cls, data: Any) -> Any:
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data

    @property
    def max_seq_length(self) -> int | None:
        """The longest sequence it was trained on, or None if it does not say."""
        length: int | None = self.config.get("max_seq_length")
        return length


def add_tasks_of(folder: Path | None) -> None:
    """Makes the tasks known that a model was taught and brings with it, in its folder ``tasks/``.

    Raises:
        UserError: The manifest or a task file is broken, or another task of that name is known already.
    """
    for name in read_manifest(folder).tasks:
        add_task_of(Path(folder or ""), name)


def read_manifest(folder: Path | None) -> Manifest:
    """The manifest in ``folder``; an empty one where there is none.

    Raises:
        UserError: The file is broken; the message names it and the key.
    """
    if folder is None or not (folder / "mentalglm.json").is_file():
        return Manifest()
    path = folder / "mentalglm.json"
    try:
        manifest = Manifest.model_validate(read_json(path))
    except ValidationError as error:
        raise UserError(f"{path}: {first_problem(error)}", "bad_manifest") from None
    length = manifest.config.get("max_seq_length")
    if length is not None and (type(length) is not int or length < 1):
        reason = f"must be a whole number above 0; the value is {str(length)[:80]!r}"
        raise UserError(f"{path}: config.max_seq_length: {reason}", "bad_manifest")
    return manifest
