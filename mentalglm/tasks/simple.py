"""The short form of a task, for people with a data set of their own: what cannot be guessed, and nothing else."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from mentalglm.tasks.schema import Bilingual, Label, Style, Task

STYLE = "grounded"

# The first wording is the one a model is always asked in; the rest is variety for training.
_PROMPTS = {
    "zh": [
        '考虑以下这{thing}:"{post}" {question}',
        '阅读下面的{noun}，然后回答问题。\n{noun}："{post}"\n问题：{question}',
        '{question}请根据这{thing}作答："{post}"',
        '下面是一{thing}："{post}" 请你判断：{question}',
        "请先看这{thing}，再回答后面的问题。\n\n{post}\n\n{question}",
    ],
    "en": [
        'Consider this {noun}: "{post}" Question: {question}',
        'Read the {noun} below and answer the question.\n{Noun}: "{post}"\nQuestion: {question}',
        '{question} Answer on the basis of this {noun}: "{post}"',
        'Here is a {noun}: "{post}" Now answer this: {question}',
        "Please look at this {noun} first.\n\n{post}\n\n{question}",
    ],
}
_WORDS: dict[str, dict[str, dict[str, str]]] = {
    "zh": {
        "post": {"thing": "个帖子", "noun": "帖子"},
        "conversation": {"thing": "段对话", "noun": "对话"},
    },
    "en": {
        "post": {"noun": "post", "Noun": "Post"},
        "conversation": {"noun": "conversation", "Noun": "Conversation"},
    },
}
_ANSWERS = {
    "zh": {"head": "判断：{labels}。", "separator": "、", "evidence": "依据：", "reason": "理由："},
    "en": {"head": "Answer: {labels}.", "separator": ", ", "evidence": "Evidence: ", "reason": "Reasoning:"},
}
_NONE = {"zh": "判断：都不符合。", "en": "Answer: none of these."}


def _word(value: Any) -> Any:
    """A label's name as text; YAML reads 0 as a number and a bare yes as a truth value."""
    if isinstance(value, bool):
        raise ValueError('put yes, no, true and false in quotes ("yes"): YAML reads the bare words as truth values')
    value = str(value) if isinstance(value, int) else value.strip() if isinstance(value, str) else value
    if isinstance(value, str) and any(mark in value for mark in "「」\n"):
        raise ValueError("a label must not hold 「 or 」, which enclose quotations in an answer, nor a line break")
    return value


def _both(value: Any) -> Any:
    """A text in one language stands for both."""
    return {"zh": value, "en": value} if isinstance(value, str) else value


def _defined(value: Any) -> Any:
    """Labels given as a list, or without a definition, are defined by their names."""
    if isinstance(value, list):
        words = [_word(name) for name in value]
        twice = sorted({str(word) for word in words if words.count(word) > 1})
        if twice:
            raise ValueError(f"{twice[0]!r} stands twice")
        value = dict.fromkeys(words)
    if not isinstance(value, dict):
        return value
    return {_word(name): str(_word(name)) if text is None else text for name, text in value.items()}


Word = Annotated[str, BeforeValidator(_word), Field(min_length=1)]
Text = Annotated[Bilingual, BeforeValidator(_both)]


class SimpleTask(BaseModel):
    """A task in short form.

    Attributes:
        name: The task's name.
        kind: ``single`` (one label), ``ordinal`` (one of a scale, lowest first) or ``multi`` (any number of labels).
        language: The language of the posts.
        question: What is asked of a post. With ``{post}`` in it, it is the whole prompt.
        labels: Label names, each with when it applies; or a bare list of names.
        none: The answer where no label applies; multi-label tasks only.
        positive: The positive class of a task of two labels.
        crisis: How grave a label is in itself: ``urgent`` or ``wish``; a label not named here is neither.
        title: What people read as the task's name.
        definition: What the task asks, where the question alone does not say it.
        variants: Other wordings of the question, for variety in training.
        input: A post, or a conversation of several turns.
        source: Where the label set comes from.
        version: Raised whenever labels, definitions or question change meaning.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    kind: Literal["single", "ordinal", "multi"]
    language: Literal["zh", "en"]
    question: str = Field(min_length=1)
    labels: Annotated[dict[Word, Text], BeforeValidator(_defined), Field(min_length=2)]
    none: str | None = Field(default=None, min_length=1)
    positive: Word | None = None
    crisis: dict[Word, Literal["urgent", "wish"]] = {}
    title: Text | None = None
    definition: Text | None = None
    variants: list[str] = []
    input: Literal["post", "conversation"] = "post"
    source: str = "A task of one's own."
    version: int = 1

    @model_validator(mode="after")
    def _consistent(self) -> "SimpleTask":
        for key, named in (("positive", [self.positive] if self.positive else []), ("crisis", list(self.crisis))):
            unknown = [name for name in named if name not in self.labels]
            if unknown:
                raise ValueError(f"{key}: {unknown[0]!r} is none of the labels ({', '.join(self.labels)})")
        if self.none is not None and self.kind != "multi":
            raise ValueError(f"none: a {self.kind} task always has a label; leave it out, or make it kind: multi")
        return self

    def full(self) -> Task:
        """The task in full, with one style that quotes evidence."""
        answer = dict(_ANSWERS[self.language])
        none = None
        if self.kind == "multi":
            none = self.none or _NONE[self.language]
            if none[-1] not in "。！.!":
                none += answer["head"][-1]
        prompt, *variants = self._prompts()
        labels = [
            Label(name=name, definition=text, crisis=self.crisis.get(name, "none"), positive=name == self.positive)
            for name, text in self.labels.items()
        ]
        return Task(
            name=self.name,
            version=self.version,
            kind=self.kind,
            language=self.language,
            input=self.input,
            title=self.title or Bilingual(zh=self.name, en=self.name),
            definition=self.definition or Bilingual(zh=self.question, en=self.question),
            source=self.source,
            labels=labels,
            styles={STYLE: Style(prompt=prompt, none=none, variants=variants, **answer)},
        )

    def _prompts(self) -> list[str]:
        """The prompt and its variants: the question in every frame, then other questions in the first frame."""
        frames, words = _PROMPTS[self.language], _WORDS[self.language][self.input]

        def framed(question: str, frame: str) -> str:
            if "{post}" in question:
                return question
            for key, word in {**words, "question": question}.items():
                frame = frame.replace("{" + key + "}", word)
            return frame

        prompts = [framed(self.question, frame) for frame in frames]
        return list(dict.fromkeys(prompts + [framed(question, frames[0]) for question in self.variants]))
