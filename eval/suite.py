"""Suites: which tasks are asked of which posts, how, and by which scores they are judged; one YAML file each."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mentalglm.errors import UserError
from mentalglm.published import Format
from mentalglm.tasks import Bilingual, load_task
from mentalglm.yaml_files import first_problem, read_yaml

FOLDER = Path(__file__).parent / "suites"
Split = Literal["train", "validation", "test", "held_out"]
Probe = Literal["comprehensiveness", "sufficiency", "self-consistency"]
OPEN_LICENSE = "CC-BY-4.0"
# What a setting may be, as YAML or an option gives it.
Value = bool | int | float | Sequence[str] | None


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Settings(_Strict):
    """How the tasks are asked; the options of ``run`` go before.

    Attributes:
        labels_only: Labels and probabilities alone, no evidence and no explanation.
        generate: Read labels from freely generated text, not from the scores of label strings.
        shots: Examples per label, from the training split.
        seed: Draws the examples, the rows of a limit and the held-out posts.
        limit: At most so many posts per task.
        store_text: Keep posts and explanations in the run's folder, others' words too.
        probe: What the model is asked again for; see :mod:`eval.probes`.
        probe_samples: How often self-consistency lets it write.
        temperature: At which it then draws its words.
    """

    labels_only: bool = False
    generate: bool = False
    shots: int = Field(default=0, ge=0)
    seed: int = 0
    limit: int | None = Field(default=None, ge=1)
    store_text: bool = False
    probe: tuple[Probe, ...] = ()
    probe_samples: int = Field(default=5, ge=2)
    temperature: float = Field(default=0.7, gt=0)

    def may_keep(self, license: str | None) -> bool:
        """Whether words of a row of this licence are kept."""
        return self.store_text or license == OPEN_LICENSE


class Entry(_Strict):
    """One task of a suite and its posts.

    Attributes:
        task: The task.
        source: The data set's name.
        format: ``records`` (a file of records or a table, see the README) or the published format of the set.
        files: By split, paths relative to the data folder, the first that is there is read; ``all`` for a file whose
            rows carry their split.
        split: Which posts are evaluated: the first of these splits whose file is there.
        held_out: The share of training posts that split ``held_out`` takes, where the test posts are not there.
        metrics: The scores it is judged by, the most important first.
        settings: What differs from the suite's settings.
    """

    task: str
    source: str
    format: Literal["records"] | Format = "records"
    files: dict[Literal["train", "validation", "test", "all"], list[str]] = Field(min_length=1)
    split: list[Split] = ["test"]
    held_out: float = Field(default=0.2, gt=0, lt=1)
    metrics: list[str] = Field(min_length=1)
    settings: dict[str, bool | int | float | list[str] | None] = {}

    @model_validator(mode="after")
    def _consistent(self) -> "Entry":
        if "all" in self.files and (len(self.files) > 1 or self.format != "records"):
            raise ValueError("files: all stands alone, and only for records, whose rows carry their split")
        if "held_out" in self.split and "train" not in self.files:
            raise ValueError("split: held_out takes posts of the file train; name it under files")
        unknown = set(self.settings) - set(Settings.model_fields)
        if unknown:
            raise ValueError(f"settings: {', '.join(sorted(unknown))} is no setting")
        return self


class Suite(_Strict):
    """Several tasks that are run, scored and reported together.

    Attributes:
        name: Its name, also its file's.
        version: Raised whenever tasks, posts, splits or settings change.
        title: What people read as its name.
        description: What it measures.
        data: Where its files lie, relative to the repository, where ``--data`` says nothing.
        settings: How the tasks are asked.
        tasks: The tasks.
    """

    name: str = Field(pattern=r"^\w[\w-]*$")
    version: int = Field(ge=1)
    title: Bilingual
    description: Bilingual
    data: str | None = None
    settings: Settings = Settings()
    tasks: list[Entry] = Field(min_length=1)

    @model_validator(mode="after")
    def _every_task_once(self) -> "Suite":
        names = [entry.task for entry in self.tasks]
        if len(set(names)) < len(names):
            raise ValueError("tasks: a task stands twice; make two suites of it")
        return self

    @property
    def sha256(self) -> str:
        """The hash of all it says."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def settings_of(self, entry: Entry, **given: Value) -> Settings:
        """An entry's settings: the suite's, its own, then those ``given`` that are not None."""
        chosen = {key: value for key, value in given.items() if value is not None}
        return Settings.model_validate({**self.settings.model_dump(), **entry.settings, **chosen})


def suite_names() -> list[str]:
    """The names of the suites that come with the repository."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_suite(name: str) -> Suite:
    """The suite called ``name``, or the one in a YAML file of the user's own.

    Raises:
        UserError: There is none, or the file breaks the schema or names a task that is not known.
    """
    if name in suite_names():
        path = FOLDER / f"{name}.yaml"
    elif Path(name).suffix in (".yaml", ".yml"):
        path = Path(name)
    else:
        known = ", ".join(suite_names())
        raise UserError(f"unknown suite {name!r}; known suites: {known}; or give the path of a YAML file")
    suite = read_yaml(path, Suite)
    if suite.name != path.stem:
        raise UserError(f"{path}: name: {suite.name!r} must equal the file's name, {path.stem!r}")
    for entry in suite.tasks:
        load_task(entry.task)
        try:
            suite.settings_of(entry)
        except ValidationError as error:
            raise UserError(f"{path}: tasks.{entry.task}.settings: {first_problem(error)}") from None
    return suite
