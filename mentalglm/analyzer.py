"""The public face: ``Analyzer.load().analyze(post, task="suicide_risk")``."""

import warnings
from collections.abc import Sequence
from typing import Any, Literal, overload

from mentalglm.analysis import Analysis, crisis_of, gravest, level_conflicts
from mentalglm.calibration import Calibration, load_calibrations
from mentalglm.errors import UserError
from mentalglm.models import LoadedModel, add_tasks_of, load_model, weights_hash
from mentalglm.tasks import load_task, prompt_hash, task_names

# suicide_risk always asks for the level too, so that a plain death wish under 低自杀风险 is never silent.
_LEVEL, _RISK, _SAFETY = "suicide_level", "suicide_risk", "emotional_safety"


class Analyzer:
    """Analyses posts with one model.

    Attributes:
        model_name: How the model was called.
        tasks: The tasks the model was taught; empty for a foreign model, which may be asked any.
    """

    def __init__(self, loaded: LoadedModel, style: str | None = None, batch_size: int = 32) -> None:
        from mentalglm.decoding.decoder import Decoder

        add_tasks_of(loaded.folder)
        self.model_name = loaded.name
        self.tasks: list[str] = [name for name in loaded.manifest.tasks if name in task_names()]
        self.batch_size = batch_size
        self._loaded = loaded
        self._style = style or loaded.manifest.style
        # A model taught several languages was asked in each task's default style where the task lacks the model's.
        self._may_differ = style is None and any(self._style in load_task(name).styles for name in task_names())
        self._calibrations = load_calibrations(loaded.folder)
        self._decoder = Decoder(loaded)
        self._warn_of_changed_prompts()

    @classmethod
    def load(
        cls,
        name_or_path: str | None = None,
        *,
        device: str | None = None,
        dtype: str | None = None,
        revision: str | None = None,
        style: str | None = None,
        batch_size: int = 32,
    ) -> "Analyzer":
        """Loads a model: a folder, a hub name, or the embedded one.

        Args:
            name_or_path: See :func:`mentalglm.models.load_model`.
            device: Such as ``cpu`` or ``cuda``.
            dtype: ``fp32``, ``bf16`` or ``fp16``.
            revision: Of a hub name.
            style: How a foreign model is asked; a model trained here brings its own.
            batch_size: Posts read at once.

        Raises:
            UserError: The model cannot be loaded.
        """
        return cls(load_model(name_or_path, device, dtype, revision), style, batch_size)

    def style(self, task: str) -> str:
        """The style in which this model is asked about ``task``.

        Raises:
            UserError: The task is unknown, or does not come in the style asked for.
        """
        styles, wanted = load_task(task).styles, self._style
        if wanted is not None and wanted not in styles and not self._may_differ:
            raise UserError(f"task {task!r} has no style {wanted!r}; it has {', '.join(styles)}", "unknown_style")
        return load_task(task).style_in(wanted)

    def check_tasks(self, names: Sequence[str]) -> list[str]:
        """``names``, with ``all`` replaced by the tasks the model was taught.

        Raises:
            UserError: A task is unknown, or the model was not taught it.
        """
        wanted = list(self.tasks) if list(names) == ["all"] else list(dict.fromkeys(names))
        if not names:
            raise UserError("no task was named; name one or more, or all", "unknown_task")
        if not wanted:
            raise UserError(
                f"model {self.model_name!r} does not say what it was taught; name the tasks", "unknown_task"
            )
        for name in wanted:
            load_task(name)
            if self.tasks and name not in self.tasks:
                taught = ", ".join(self.tasks)
                raise UserError(
                    f"model {self.model_name!r} was not taught {name!r}; it was taught {taught}", "untaught"
                )
            self.style(name)
        return wanted

    def describe(self) -> dict[str, Any]:
        """The model as an evaluation's manifest names it."""
        model = self._loaded.model
        return {
            "model": self.model_name,
            "revision": self._loaded.revision,
            "weights_sha256": weights_hash(self._loaded.folder),
            "dtype": str(model.dtype).removeprefix("torch."),
            "device": str(model.device),
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "tasks": self.tasks,
            "style": self._style,
            "corpus_sha256": self._loaded.manifest.corpus_sha256,
        }

    @overload
    def analyze(  # type: ignore[overload-overlap]
        self, posts: str, task: Literal["all"], *, labels_only: bool = ...
    ) -> list[Analysis]: ...
    @overload
    def analyze(  # type: ignore[overload-overlap]
        self, posts: str, task: str = ..., *, labels_only: bool = ...
    ) -> Analysis: ...
    @overload
    def analyze(self, posts: str, task: Sequence[str], *, labels_only: bool = ...) -> list[Analysis]: ...
    @overload
    def analyze(
        self, posts: Sequence[str], task: str | Sequence[str] = ..., *, labels_only: bool = ...
    ) -> list[Analysis]: ...
    def analyze(
        self, posts: str | Sequence[str], task: str | Sequence[str] = "suicide_risk", *, labels_only: bool = False
    ) -> Analysis | list[Analysis]:
        """Analyses posts.

        Args:
            posts: One post or several.
            task: One task, several, or ``all``.
            labels_only: Leave evidence and explanation out, which is many times faster.

        Returns:
            One Analysis for one post and one task (not ``all``); otherwise a list, by post, then by task as given.

        Raises:
            UserError: A post is empty or not valid text, or a task is unknown or was not taught.
        """
        texts = [posts] if isinstance(posts, str) else list(posts)
        names = self.check_tasks([task] if isinstance(task, str) else task)
        for text in texts:
            check_text(text)
        by_task = {name: self._answer(texts, name, labels_only) for name in names}
        levels = by_task.get(_LEVEL)
        if levels is None and _RISK in names and (not self.tasks or _LEVEL in self.tasks):
            levels = self._answer(texts, _LEVEL, labels_only=True)
        for row in range(len(texts)):
            _relate({name: answers[row] for name, answers in by_task.items()}, levels[row] if levels else None)
        if isinstance(posts, str) and isinstance(task, str) and task != "all":
            return by_task[task][0]
        return [by_task[name][row] for row in range(len(texts)) for name in names]

    def scores(self, posts: Sequence[str], task: str) -> list[list[float]]:
        """The uncalibrated label scores of each post, in the task's canonical order; see ``decoding.labels``."""
        return self._decoder.scores(list(posts), load_task(task), self.style(task), self.batch_size)

    def _answer(self, texts: list[str], name: str, labels_only: bool) -> list[Analysis]:
        task, style = load_task(name), self.style(name)
        calibration = self._calibrations.get(name, Calibration())
        return self._decoder.answer(texts, task, style, calibration, self.batch_size, labels_only)

    def _warn_of_changed_prompts(self) -> None:
        manifest, known = self._loaded.manifest, task_names()
        unknown = [name for name in dict.fromkeys([*manifest.tasks, *manifest.prompt_hash]) if name not in known]
        if unknown:
            what = f"model {self.model_name!r} was trained on tasks that this version does not know"
            warnings.warn(f"{what}: {', '.join(unknown)}; they are left out", stacklevel=3)
        changed = [
            name for name, value in manifest.prompt_hash.items() if name in known and value != self._current_hash(name)
        ]
        if changed:
            what = f"model {self.model_name!r} was trained on other wordings of {', '.join(changed)}"
            warnings.warn(f"{what}; expect worse answers", stacklevel=3)

    def _current_hash(self, name: str) -> str:
        """The hash of the words in which ``name`` would be asked today; empty if it has lost the style."""
        try:
            return prompt_hash(load_task(name), self.style(name))
        except UserError:
            return ""


def check_text(text: str) -> None:
    """Refuses what cannot be analysed.

    Raises:
        UserError: The text is empty or blank (``empty_text``), holds half a surrogate pair or is no text at all, like a
            table's empty cell (``invalid_text``).
    """
    if not isinstance(text, str):
        raise UserError(f"a post is of type {type(text).__name__}, not text; leave it out", "invalid_text")
    if not text.strip():
        raise UserError("the text is empty; give a post of at least one character", "empty_text")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise UserError("the text holds half a surrogate pair; re-save it as valid Unicode", "invalid_text")


def _relate(answers: dict[str, Analysis], level: Analysis | None) -> None:
    """Sets what depends on several answers about one post: the crisis value of suicide_risk, and the conflicts."""
    for name, answer in answers.items():
        answer.crisis = crisis_of(load_task(name), answer.labels + answer.candidates) if answer.parsed else None
    if level is None:
        return
    risk, safety = answers.get(_RISK), answers.get(_SAFETY)
    if not level.parsed:
        if risk is not None and risk.crisis == "none":
            risk.crisis = None  # the level, which would have told of a wish to die, could not be read
        return
    if risk is not None and risk.crisis is not None:
        risk.crisis = gravest([risk.crisis, crisis_of(load_task(_LEVEL), level.labels + level.candidates)])
    if not level.labels:  # abstained
        return
    conflicts = level_conflicts(
        int(level.labels[0]),
        risk.labels[0] if risk is not None and risk.labels else None,
        safety.labels[0] if safety is not None and safety.labels else None,
    )
    for name, answer in answers.items():
        answer.conflicts = conflicts.get(name, [])
