"""What a build can be told; unknown keys are refused by name."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator, model_validator

# How many instructions a mixture makes at most where it does not say.
DEFAULT_TOTAL = 50_000
# Folders that a build makes, which no stage can be called.
RESERVED = {"dataset", "figures", "tasks"}

Language = Literal["zh", "en"]
Split = Literal["train", "validation"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RecordsPart(_Strict):
    """Instructions made from record files, whose rows say themselves which split they belong to.

    Attributes:
        folder: Where the record files lie, one ``<task>.jsonl`` per task; relative to the config file.
        files: Record files of any name, relative to the data folder; instead of, or beside, a folder.
        tasks: Which tasks; with ``files``, all where it is not given.
        splits: Which splits are written. ``test`` cannot be asked for: nothing here is a test set. Posts of the splits
            that are not asked for are held out of the whole build.
    """

    folder: Path | None = None
    files: list[Path] = []
    tasks: list[str] = []
    splits: list[Split] = ["train", "validation"]

    @model_validator(mode="after")
    def _somewhere(self) -> "RecordsPart":
        if self.folder is None and not self.files:
            raise ValueError("names neither a folder nor files; add one")
        if self.folder is not None and not self.tasks:
            raise ValueError("names a folder but no tasks; add them")
        return self


class SourceChoice(_Strict):
    """One source of labelled posts or of dialogue, and how much of it to take.

    Attributes:
        name: The name of a file in ``instructions/sources`` without ``.yaml``, or a path to such a file, relative to
            the config.
        source: The source itself, written here instead of in a file of its own.
        max_rows: Keep at most this many rows of each task, drawn by the seed; all where it is not given.
    """

    name: str | None = None
    source: dict[str, Any] | None = None
    max_rows: int | None = Field(default=None, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        """A bare string is a name."""
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one(self) -> "SourceChoice":
        if (self.name is None) == (self.source is None):
            raise ValueError("needs either name or source")
        return self


class DialoguePart(_Strict):
    """Dialogue and plain text, all of it split ``train``, task ``dialogue``.

    Attributes:
        sources: Where it comes from.
        max_characters: A dialogue is cut at the last turn that ends within this many characters.
    """

    sources: list[SourceChoice] = Field(min_length=1)
    max_characters: int = Field(default=2000, ge=1)


class Checks(_Strict):
    """What every row must pass; labels and evidence are always checked.

    Attributes:
        heldout: Posts that must not be trained on: hash lists (``.json``), relative to the data folder.
        heldout_sources: Sources all of whose posts are held out: test files, where they are at hand.
        near_duplicates: Posts at least this similar (Jaccard similarity of their character n-grams) count as the same
            post, unless their labels differ; null to tell only exact duplicates, and no duplicates of dialogue.
        mask_personal_data: Replace phone numbers, addresses, names after ``@`` and the like.
        min_characters: Shorter posts are left out.
        max_characters: Longer posts are left out, by language.
        faulty_explanation: What becomes of a row whose explanation advises, diagnoses, misquotes, contradicts its
            label, repeats itself or is too long: ``label_only`` keeps label and evidence, ``quarantine`` leaves it out.
    """

    heldout: list[str] = []
    heldout_sources: list[SourceChoice] = []
    near_duplicates: float | None = Field(default=0.8, ge=0.7, le=1)
    mask_personal_data: bool = True
    min_characters: int = Field(default=2, ge=1)
    max_characters: dict[Language, int] = {"zh": 2000, "en": 8000}
    faulty_explanation: Literal["label_only", "quarantine"] = "label_only"

    @field_validator("max_characters", mode="after")
    @classmethod
    def _both(cls, value: dict[Language, int]) -> dict[Language, int]:
        return {"zh": 2000, "en": 8000, **value}


class Mixture(_Strict):
    """How many instructions are made of what is there.

    Attributes:
        total: How many in all, train and validation together, exactly; ``all`` for one of each pair of post and task.
            Where it is not given: all, up to 50,000.
        temperature: A task with n pairs gets a share that grows with n ** (1 / temperature): 1 keeps the proportions,
            a large one evens the tasks out.
        max_per_task: No task gets more than this; null for no limit.
        language_share: How much of the total each language gets; null to leave it to the tasks.
        max_repeats: At most this share of the total may ask about a (post, task) pair again in other words.
        max_assumed: At most this share of the total may carry labels that nobody checked (assumed negatives).
        label_only_copies: Ask about every training pair so many times more for its labels alone, in another order each
            time; on top of the total. It teaches a small model the labels without the length of whole answers.
        label_only_weight: The weight of the loss where an answer has no explanation.
        answers: ``whole``, or ``labels``: evidence and explanations are left out of every answer, and nothing else
            changes, so that two builds show what explanations teach.
        validation: The share of posts set aside for validation, of sources that are divided by post.
        phrasings: Whether training questions vary in their wording. Validation always asks in the canonical words.
    """

    total: PositiveInt | Literal["all"] | None = None
    temperature: float = Field(default=1.0, ge=1)
    max_per_task: int | None = Field(default=None, ge=1)
    language_share: dict[Language, float] | None = None
    max_repeats: float = Field(default=0.15, ge=0, le=0.5)
    max_assumed: float = Field(default=0.15, ge=0, le=0.5)
    label_only_copies: int = Field(default=0, ge=0)
    label_only_weight: float = Field(default=1.0, gt=0)
    answers: Literal["whole", "labels"] = "whole"
    validation: float = Field(default=0.05, ge=0, lt=1)
    phrasings: Literal["canonical", "varied"] = "varied"

    @model_validator(mode="after")
    def _whole(self) -> "Mixture":
        shares = self.language_share
        if shares is not None and (min(shares.values()) < 0 or abs(sum(shares.values()) - 1) > 1e-6):
            raise ValueError("language_share must be shares that add up to 1")
        if shares is not None and not isinstance(self.total, int):
            raise ValueError("language_share divides a total; give mixture.total as a number")
        return self


class Stage(_Strict):
    """A part of the corpus that is trained on by itself, in a folder of its own.

    Attributes:
        name: The folder's name.
        languages: The languages that belong to it.
    """

    name: str = Field(pattern=r"^[a-z0-9_-]+$")
    languages: list[Language] = Field(min_length=1)


class Config(_Strict):
    """One build.

    Attributes:
        name: The corpus's name, used in ``dataset_info.json`` and on the data card.
        seed: Decides the order of rows and labels and which rows are drawn.
        style: In which style question and answer are worded; a task that lacks it is worded in its first one.
        tasks: Tasks of one's own, in their short or full form; see docs/add-a-data-set.md.
        records: Instructions from record files.
        sources: Instructions from labelled sources.
        dialogue: Dialogue and plain text.
        checks: What every row must pass.
        mixture: How many instructions are made of what is there.
        stages: Parts of the corpus to be trained on one after the other; none for one stage.
    """

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    seed: int = 1
    style: str = "grounded"
    tasks: list[dict[str, Any]] = []
    records: list[RecordsPart] = []
    sources: list[SourceChoice] = []
    dialogue: DialoguePart | None = None
    checks: Checks = Checks()
    mixture: Mixture = Mixture()
    stages: list[Stage] = []

    @field_validator("records", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _something(self) -> "Config":
        if not self.records and not self.sources and self.dialogue is None:
            raise ValueError("names neither records nor sources nor dialogue; add one")
        names = [stage.name for stage in self.stages]
        taken = set(names) & RESERVED | {name for name in names if names.count(name) > 1}
        if taken:
            raise ValueError(f"stages: the name {min(taken)!r} is taken; choose another")
        return self
