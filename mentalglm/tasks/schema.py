"""What a task file may hold: typed, every unknown key refused."""

from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Kind = Literal["single", "ordinal", "multi", "spans"]
Crisis = Literal["urgent", "wish", "none"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Bilingual(_Strict):
    """One sentence in both languages."""

    zh: str
    en: str


class Label(_Strict):
    """One label of a task.

    Attributes:
        name: What stands in records, analyses and scores; ``parent##child`` in a hierarchy.
        definition: When the label applies, in our own words.
        display: What people read instead of the bare name, where the bare name misleads.
        crisis: How grave the label is in itself.
        positive: Whether the label is the positive class of the task's binary reading.
        aliases: Other spellings that published data use for the same label.
    """

    name: str = Field(min_length=1)
    definition: Bilingual
    display: Bilingual | None = None
    crisis: Crisis = "none"
    positive: bool = False
    aliases: list[str] = []


class Style(_Strict):
    """How a model is asked and how it answers.

    Attributes:
        prompt: The user message; ``{post}`` stands for the post.
        head: The first sentence of an answer; ``{labels}`` stands for the labels.
        none: The first sentence of an answer without labels (multi-label and span tasks only).
        separator: What stands between two labels of the head.
        evidence: What opens the quoted evidence; null where the style has none.
        reason: What opens the explanation.
        surface: How a label is written in this style, where that differs from its name.
        variants: Other wordings of ``prompt``, for variety in training. A model is always asked in ``prompt``, so they
            are no part of the prompt hash.
    """

    prompt: str
    head: str = "{labels}"
    none: str | None = None
    separator: str = "、"
    evidence: str | None = None
    reason: str
    surface: dict[str, str] = {}
    variants: list[str] = []

    @model_validator(mode="after")
    def _placeholders(self) -> "Style":
        if self.prompt.count("{post}") != 1:
            raise ValueError("prompt must hold {post} exactly once")
        for variant in self.variants:
            if variant.count("{post}") != 1:
                raise ValueError(f"variants: {variant[:60]!r} must hold {{post}} exactly once")
        if len({self.prompt, *self.variants}) <= len(self.variants):
            raise ValueError("variants: a wording stands twice, or is the prompt itself")
        if self.head.count("{labels}") != 1:
            raise ValueError("head must hold {labels} exactly once")
        return self


class Task(_Strict):
    """One task: its labels and the styles in which a model can be asked about it.

    Attributes:
        name: The task's name, also its file's name.
        version: Raised whenever labels, definitions or templates change meaning.
        kind: ``single`` (one label), ``ordinal`` (one of an ordered scale), ``multi`` (any number of labels) or
            ``spans`` (any number of labels, each on stretches of the post).
        language: The language of the posts.
        input: A post, or a conversation of several turns.
        title: What people read as the task's name.
        definition: What the task asks.
        source: Where the label set comes from.
        labels: The labels, in their canonical order.
        styles: Prompt and answer templates; the first is the task's default.
    """

    name: str = Field(pattern=r"^\w[\w-]*$")
    version: int = Field(ge=1)
    kind: Kind
    language: Literal["zh", "en"]
    input: Literal["post", "conversation"] = "post"
    title: Bilingual
    definition: Bilingual
    source: str
    labels: list[Label] = Field(min_length=2)
    styles: dict[str, Style] = Field(min_length=1)

    @cached_property
    def label_names(self) -> list[str]:
        """The labels' names, in canonical order."""
        return [label.name for label in self.labels]

    @property
    def many(self) -> bool:
        """Whether an answer may hold any number of labels, none included."""
        return self.kind in ("multi", "spans")

    @property
    def binary_label(self) -> str | None:
        """The positive class of a task of two labels; None for any other task."""
        positive = [label.name for label in self.labels if label.positive]
        return positive[0] if len(self.labels) == 2 and positive else None

    def label(self, name: str) -> Label:
        """The label called ``name``.

        Raises:
            KeyError: The task has no such label.
        """
        for label in self.labels:
            if label.name == name:
                return label
        raise KeyError(f"{self.name} has no label {name!r}; it has {', '.join(self.label_names)}")

    def style_in(self, wanted: str | None) -> str:
        """The style in which the task is asked where ``wanted`` is used: that one, or the default where it has none."""
        return wanted if wanted in self.styles else next(iter(self.styles))

    def surface(self, style: str, label: str) -> str:
        """How ``label`` is written in ``style``."""
        return self.styles[style].surface.get(label, label)

    @model_validator(mode="after")
    def _consistent(self) -> "Task":
        names = self.label_names
        if len(set(names)) < len(names):
            raise ValueError("labels: a name stands twice")
        for key, style in self.styles.items():
            if self.many != (style.none is not None):
                raise ValueError(f"styles.{key}.none: needed by multi-label and span tasks, and by them alone")
            unknown = set(style.surface) - set(names)
            if unknown:
                raise ValueError(f"styles.{key}.surface: {', '.join(sorted(unknown))} is not a label of the task")
        return self
