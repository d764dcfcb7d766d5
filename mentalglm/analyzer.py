"""The public face: ``Analyzer.load().analyze(post, task="suicide_risk")``."""

import asyncio
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from mentalglm.analysis import Analysis, ErrorInfo
from mentalglm.answering import Answering
from mentalglm.as_written import as_written
from mentalglm.calibration import Calibration, load_calibrations
from mentalglm.errors import UserError
from mentalglm.models import LoadedModel, add_tasks_of, load_model, weights_hash
from mentalglm.options import Options, check_options, check_text, problem_of
from mentalglm.remote import RemoteDecoder, RemoteModel, connect
from mentalglm.tasks import load_task, prompt_hash, task_names

if TYPE_CHECKING:
    from mentalglm.decoding.decoder import Decoder

# An iterator's posts are taken by the chunk, as large as gives every batch posts of like length.
_BATCHES_AT_ONCE = 4


__all__ = ["Analyzer", "Options", "check_text"]


class Analyzer:
    """Analyses posts with one model, loaded here or behind endpoints.

    Attributes:
        model_name: How the model was called.
        tasks: The tasks the model was taught; empty for a foreign model, which may be asked any.
        batch_size: Posts read at once.
    """

    def __init__(
        self, model: LoadedModel | RemoteModel, style: str | None = None, batch_size: int = 32, abstain: bool = False
    ) -> None:
        add_tasks_of(model.folder)
        self.model_name = model.name
        self.tasks: list[str] = [name for name in model.manifest.tasks if name in task_names()]
        self.batch_size = batch_size
        self._loaded = model
        self._style = style or model.manifest.style
        # A model taught several languages was asked in each task's default style where the task lacks the model's.
        self._may_differ = style is None and any(self._style in load_task(name).styles for name in task_names())
        self._abstain = abstain
        found = load_calibrations(model.folder)
        self._calibrations = found if abstain else {name: one.without_bands() for name, one in found.items()}
        self._decoder = _decoder_of(model)
        self._answering = Answering(self._decoder, self._calibrations, self.tasks, self.style, batch_size)
        self._warn_of_changed_prompts()

    @classmethod
    def load(
        cls,
        name_or_path: str | None = None,
        *,
        device: str | None = None,
        dtype: str | None = None,
        revision: str | None = None,
        quantization: str | None = None,
        style: str | None = None,
        batch_size: int = 32,
        abstain: bool = False,
    ) -> "Analyzer":
        """Loads a model: a folder, a hub name, or the embedded one.

        Args:
            name_or_path: See :func:`mentalglm.models.load_model`.
            device: Such as ``cpu`` or ``cuda``.
            dtype: ``fp32``, ``bf16`` or ``fp16``.
            revision: Of a hub name.
            quantization: ``int8`` on CPU; ``int8`` or ``int4`` on CUDA.
            style: How a foreign model is asked; a model trained here brings its own.
            batch_size: Posts read at once.
            abstain: Hold back decisions that are too uncertain for the error rate the model was calibrated for.

        Raises:
            UserError: The model cannot be loaded.
        """
        return cls(load_model(name_or_path, device, dtype, revision, quantization), style, batch_size, abstain)

    @classmethod
    def connect(
        cls,
        endpoints: str | Sequence[str],
        model: str,
        *,
        folder: str | Path | None = None,
        style: str | None = None,
        abstain: bool = False,
        allow_external: bool = False,
        api_key_env: str | None = None,
        concurrency: int = 16,
        timeout: float = 120.0,
        retries: int = 6,
    ) -> "Analyzer":
        """Asks a model behind OpenAI-compatible endpoints; made for vLLM, see ``docs/remote.md``.

        What an endpoint does not tell is null: probabilities need log-probabilities. Evidence is held to the post's
        words by a grammar where the endpoint takes one, and is dropped where the post does not hold it. Nothing is
        sent before the first question.

        Args:
            endpoints: A URL like ``http://127.0.0.1:8000/v1``, or several that serve the same model and share the work.
            model: The model's name there.
            folder: A local folder with the served model's ``mentalglm.json`` and ``calibration.json``; no weights.
            style: How the model is asked, where no ``mentalglm.json`` says it.
            abstain: As in :meth:`load`.
            allow_external: Let posts leave the loopback and private ranges.
            api_key_env: The environment variable that holds the key; None for endpoints without one.
            concurrency: Requests under way at each endpoint.
            timeout: Seconds to wait for one reply.
            retries: How often a request is sent again to an endpoint that is busy, broken or silent.

        Raises:
            UserError: A URL is wrong or leads outside without leave, or ``folder`` holds neither file.
        """
        remote = connect(
            endpoints,
            model,
            folder=folder,
            allow_external=allow_external,
            api_key_env=api_key_env,
            concurrency=concurrency,
            timeout=timeout,
            retries=retries,
        )
        return cls(remote, style, batch_size=remote.decoder.places, abstain=abstain)

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
            UserError: A task is unknown, the model was not taught it, or it shall abstain and was not calibrated to.
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
            if self._abstain and self._calibrations.get(name, Calibration()).error_rate is None:
                what = f"model {self.model_name!r} was calibrated for no error rate on {name}"
                raise UserError(f"{what}; run mentalglm calibrate --task {name} --error-rate 0.1", "uncalibrated")
        return wanted

    def describe(self) -> dict[str, Any]:
        """The model as an evaluation's manifest names it."""
        taught = {
            "tasks": self.tasks,
            "style": self._style,
            "corpus_sha256": self._loaded.manifest.corpus_sha256,
        }
        if isinstance(self._loaded, RemoteModel):
            return {**self._loaded.described(), **taught}
        model = self._loaded.model
        return {
            "model": self.model_name,
            "revision": self._loaded.revision,
            "weights_sha256": weights_hash(self._loaded.folder),
            "dtype": str(model.dtype).removeprefix("torch."),
            "device": str(model.device),
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            **taught,
        }

    @overload
    def analyze(  # type: ignore[overload-overlap]
        self, posts: str, task: Literal["all"], **options: Unpack[Options]
    ) -> list[Analysis]: ...
    @overload
    def analyze(  # type: ignore[overload-overlap]
        self, posts: str, task: str = ..., **options: Unpack[Options]
    ) -> Analysis: ...
    @overload
    def analyze(  # type: ignore[overload-overlap]
        self, posts: str, task: str = ..., *, stream: Literal[True], **options: Unpack[Options]
    ) -> Iterator[str | Analysis]: ...
    @overload
    def analyze(self, posts: str, task: Sequence[str], **options: Unpack[Options]) -> list[Analysis]: ...
    @overload
    def analyze(  # type: ignore[overload-overlap]
        self, posts: Iterator[str], task: str | Sequence[str] = ..., **options: Unpack[Options]
    ) -> Iterator[Analysis]: ...
    @overload
    def analyze(
        self, posts: Iterable[str], task: str | Sequence[str] = ..., **options: Unpack[Options]
    ) -> list[Analysis]: ...
    def analyze(
        self,
        posts: str | Iterable[str],
        task: str | Sequence[str] = "suicide_risk",
        *,
        stream: bool = False,
        **options: Unpack[Options],
    ) -> Analysis | list[Analysis] | Iterator[Analysis] | Iterator[str | Analysis]:
        """Analyses posts.

        Args:
            posts: One post, several, or an iterator, which is read as its answers are taken.
            task: One task, several, or ``all``.
            stream: Of one post and one task, show the answer while it is written.
            **options: See :class:`Options`: ``labels_only``, ``faithfulness``, ``max_explanation_characters``.

        Returns:
            One Analysis for one post and one task (not ``all``); for an iterator an iterator, otherwise a list; by
            post, then by task as given. With ``stream`` an iterator over pieces of the answer's text, the last item
            of which is the Analysis; it alone counts, for in it evidence is checked and the explanation is bounded. A
            post that is read in several windows comes in no pieces.

        Raises:
            UserError: A post is empty or not valid text, or a task is unknown or was not taught.
        """
        names = self.check_tasks([task] if isinstance(task, str) else task)
        check_options(options)
        if stream:
            if not isinstance(posts, str) or not isinstance(task, str) or task == "all":
                raise UserError("stream=True shows one post's answer to one task; give both")
            check_text(posts)
            return self._stream(posts, task, options)
        if isinstance(posts, Iterator):
            return self._analyze_iterator(posts, names, options)
        texts = [posts] if isinstance(posts, str) else list(posts)
        for text in texts:
            check_text(text)
        answers = _flat(self._answering.each(texts, names, options))
        return answers[0] if isinstance(posts, str) and isinstance(task, str) and task != "all" else answers

    async def aanalyze(
        self, posts: str | Iterable[str], task: str | Sequence[str] = "suicide_risk", **options: Unpack[Options]
    ) -> Analysis | list[Analysis]:
        """:meth:`analyze` for asynchronous programs, which it leaves free to do other things; no iterators.

        Several may wait at once: endpoints answer them side by side, a model loaded here one after the other.
        """
        if isinstance(posts, Iterator):
            raise TypeError("aanalyze takes a post or a list of them; give list(posts)")
        return await asyncio.to_thread(self.analyze, posts, task, **options)  # type: ignore[arg-type]

    def analyze_each(
        self, posts: Sequence[str], task: str | Sequence[str], **options: Unpack[Options]
    ) -> list[list[Analysis] | ErrorInfo]:
        """By post, its analyses in the order of the tasks, or why it has none: one bad post does not stop the others.

        Raises:
            UserError: A task is unknown or was not taught; or an endpoint answers nothing at all.
        """
        names = self.check_tasks([task] if isinstance(task, str) else task)
        check_options(options)
        refused = {place: why for place, post in enumerate(posts) if (why := problem_of(post)) is not None}
        answered = iter(
            self._answering.each([post for place, post in enumerate(posts) if place not in refused], names, options)
        )
        return [refused[place] if place in refused else next(answered) for place in range(len(posts))]

    def scores(self, posts: Sequence[str], task: str) -> list[list[float]]:
        """The uncalibrated label scores of each post, in the task's canonical order; see ``decoding.labels``."""
        return self._decoder.scores(list(posts), load_task(task), self.style(task), self.batch_size)

    def close(self) -> None:
        """Closes the connections of an analyzer made by :meth:`connect`; a loaded model needs none."""
        if isinstance(self._loaded, RemoteModel):
            self._loaded.decoder.close()

    def _analyze_iterator(self, posts: Iterator[str], names: list[str], options: Options) -> Iterator[Analysis]:
        while chunk := list(islice(posts, self.batch_size * _BATCHES_AT_ONCE)):
            for post, answers in zip(chunk, self.analyze_each(chunk, names, **options), strict=True):
                check_text(post)
                yield from _flat([answers])

    def _stream(self, post: str, name: str, options: Options) -> Iterator[str | Analysis]:
        def work(watch: Callable[[str], None]) -> Analysis:
            return _flat(self._answering.each([post], [name], options, watch))[0]

        yield from as_written(work)

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


def _flat(each: Iterable[list[Analysis] | ErrorInfo]) -> list[Analysis]:
    """All analyses; the first error is raised."""
    analyses = []
    for answers in each:
        if isinstance(answers, ErrorInfo):
            raise UserError(answers.message, answers.code)
        analyses += answers
    return analyses


def _decoder_of(model: LoadedModel | RemoteModel) -> "Decoder | RemoteDecoder":
    if isinstance(model, RemoteModel):
        return model.decoder
    from mentalglm.decoding.decoder import Decoder

    return Decoder(model)
