"""Any model that can be asked: loaded here, behind endpoints, or a baseline; and how one task is put to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.baselines import Baseline, Lesson, is_baseline, learn
from eval.data import Data
from eval.few_shot import Shots, draw_shots, with_shots
from eval.free_generation import Written, with_format, write_each
from eval.probes import ERASURE, check_probes
from eval.same_post import post_key, shared_posts
from eval.suite import Settings
from eval.writers import Sampling
from mentalglm.analysis import Analysis, ErrorInfo
from mentalglm.errors import UserError
from mentalglm.faithfulness import add_faithfulness
from mentalglm.tasks import Task

if TYPE_CHECKING:
    from mentalglm.models import LoadedModel
    from mentalglm.remote import RemoteModel


@dataclass(frozen=True)
class Source:
    """Where the model comes from.

    Attributes:
        model: A folder, a hub name, a baseline's name, or None for the embedded model; behind endpoints the folder
            with the served model's ``mentalglm.json``.
        revision: Of a hub name.
        device: Such as ``cpu`` or ``cuda``.
        dtype: ``fp32``, ``bf16`` or ``fp16``.
        quantization: ``int8`` or ``int4``.
        style: How a model that was not trained here is asked.
        endpoints: URLs of endpoints to ask instead of a model loaded here.
        endpoint_model: The model's name there.
        allow_external: Let posts leave the loopback and private ranges.
        api_key_env: The environment variable that holds the key.
        concurrency: Requests under way at each endpoint.
        timeout: Seconds to wait for a reply.
    """

    model: str | None = None
    revision: str | None = None
    device: str | None = None
    dtype: str | None = None
    quantization: str | None = None
    style: str | None = None
    endpoints: tuple[str, ...] = ()
    endpoint_model: str | None = None
    allow_external: bool = False
    api_key_env: str | None = None
    concurrency: int = 16
    timeout: float = 120.0

    @property
    def is_baseline(self) -> bool:
        """Whether it is no language model."""
        return is_baseline(self.model) and not self.endpoints


@dataclass(frozen=True)
class Plan:
    """How one task is put to a model.

    Attributes:
        data: The posts.
        task: The task in the words in which it is asked, examples included.
        style: The style asked in; None for a baseline, which is not asked in words.
        settings: Labels only, free generation, examples.
        shots: The examples; None without.
        taught: Whether the model was trained on the task here.
    """

    data: Data
    task: Task
    style: str | None
    settings: Settings
    shots: Shots | None
    taught: bool

    @property
    def setting(self) -> str:
        """What papers call it."""
        if self.style is None:
            return "baseline"
        if self.shots is None:
            return "fine-tuned" if self.taught else "zero-shot"
        return "fine-tuned, few-shot" if self.taught else "few-shot"


Answer = Analysis | Written | ErrorInfo


class Model:
    """A language model, loaded once and asked about any number of tasks.

    Attributes:
        name: How it was called.
        tasks: What it was taught; empty for a foreign model.
    """

    def __init__(self, source: Source, batch_size: int) -> None:
        """Loads the model, or makes ready to connect; nothing is sent yet.

        Raises:
            UserError: It cannot be had.
        """
        from mentalglm.analyzer import Analyzer

        self._loaded = _load(source)
        self._batch_size = batch_size
        self._analyzer = Analyzer(self._loaded, source.style, batch_size)
        self.name, self.tasks = self._analyzer.model_name, self._analyzer.tasks
        self._decoder: Any = None

    def describe(self) -> dict[str, Any]:
        """What identifies it."""
        return {**self._analyzer.describe(), "quantization": getattr(self._loaded, "quantization", None)}

    def plan(self, data: Data, settings: Settings, drop_shared: bool) -> Plan:
        """How the task of ``data`` is asked.

        Raises:
            UserError: The model was not taught the task, the task lacks the style, or no fair examples can be drawn.
        """
        name = data.task.name
        self._analyzer.check_tasks([name])
        task, style, taught, shots = data.task, self._analyzer.style(name), name in self.tasks, None
        check_probes(settings)
        if settings.shots:
            shots = draw_shots(data.train, data.samples, task, settings.shots, settings.seed, drop_shared)
            task = with_shots(task, style, shots)
        if settings.generate and not taught:
            task = with_format(task, style, settings.labels_only)
        self._check_room(task, style)
        return Plan(data, task, style, settings, shots, taught)

    def answer(self, posts: Sequence[str], plan: Plan) -> Sequence[Answer]:
        """One answer per post, in order, or why it has none."""
        if plan.style is None:
            raise ValueError("a plan of a baseline")
        labels_only = plan.settings.labels_only
        if plan.settings.generate:
            return write_each(self._loaded, posts, plan.task, plan.style, self._batch_size, labels_only)
        if plan.shots is not None:
            return self._answer_worded(list(posts), plan, plan.style)
        each = self._analyzer.analyze_each(
            posts, plan.task.name, labels_only=labels_only, faithfulness=_erases(plan.settings)
        )
        return [answers if isinstance(answers, ErrorInfo) else answers[0] for answers in each]

    def write_again(self, posts: Sequence[str], plan: Plan, sampling: Sampling) -> Sequence[Written | ErrorInfo]:
        """Another answer per post in free words, drawn by chance."""
        task, style = plan.task, str(plan.style)
        if not (plan.taught or plan.settings.generate):
            task = with_format(task, style, labels_only=False)
        return write_each(self._loaded, posts, task, style, self._batch_size, False, sampling)

    def close(self) -> None:
        """Closes connections."""
        self._analyzer.close()

    def _answer_worded(self, posts: list[str], plan: Plan, style: str) -> list[Analysis | ErrorInfo]:
        """Label scoring in words of the plan's own, which the analyzer, who goes by a task's name, does not know."""
        from mentalglm.calibration import Calibration, load_calibrations
        from mentalglm.decoding.decoder import Decoder
        from mentalglm.relate import relate
        from mentalglm.remote import RemoteModel

        if self._decoder is None:
            remote = isinstance(self._loaded, RemoteModel)
            self._decoder = self._loaded.decoder if remote else Decoder(self._loaded)  # type: ignore[union-attr,arg-type]
        known = load_calibrations(self._loaded.folder).get(plan.task.name, Calibration()).without_bands()

        def ask(texts: list[str], labels_only: bool) -> list[Analysis | ErrorInfo]:
            said = self._decoder.answer(texts, plan.task, style, known, self._batch_size, labels_only)
            return list(said)

        def reread(texts: list[str]) -> list[dict[str, float | None]]:
            unknown: dict[str, float | None] = dict.fromkeys(plan.task.label_names)
            return [one.probabilities if isinstance(one, Analysis) else unknown for one in ask(texts, True)]

        answers = ask(posts, plan.settings.labels_only)
        if _erases(plan.settings):
            add_faithfulness([one for one in answers if isinstance(one, Analysis)], plan.task, reread)
        for answer in answers:
            if isinstance(answer, Analysis):
                relate({plan.task.name: answer}, None)
        return answers

    def _check_room(self, task: Task, style: str) -> None:
        from eval.writers import post_room
        from mentalglm.models import LoadedModel

        if isinstance(self._loaded, LoadedModel):
            post_room(self._loaded, task, style)


class Baselines:
    """A baseline, which learns every task anew from its training rows.

    Attributes:
        name: Its name.
        tasks: Empty: it may be asked anything.
        needs_rows: Whether there must be training rows.
    """

    def __init__(self, source: Source, folder: Path, tell: Callable[[str], None]) -> None:
        """Learns nothing yet.

        Raises:
            UserError: An option is given that a baseline has no use for.
        """
        self.name = str(source.model)
        self.tasks: list[str] = []
        self.needs_rows = not self.name.startswith("lexicon")
        useless = ["dtype", "quantization", "style", "endpoint_model", *([] if ":" in self.name else ["revision"])]
        if given := [name for name in useless if getattr(source, name)]:
            option = given[0].replace("_", "-")
            raise UserError(f"{self.name} is a baseline, which --{option} says nothing to; leave it out")
        self._source, self._folder, self._tell = source, folder, tell
        self._made: dict[str, Baseline] = {}

    def describe(self) -> dict[str, Any]:
        """What identifies it, by task; how many rows each task taught it stands with the task."""
        told = {name: about for name, made in self._made.items() if (about := made.describe())}
        device = next((made.device for made in self._made.values()), "cpu")
        return {"kind": "baseline", **({"tasks": told} if told else {}), "device": device}

    def plan(self, data: Data, settings: Settings, drop_shared: bool) -> Plan:
        """Lets it learn; a baseline has no words to offer."""
        if settings.generate or settings.shots:
            raise UserError(f"{self.name} is a baseline: it writes no text and takes no examples; leave --generate out")
        if settings.probe:
            raise UserError(f"{self.name} is a baseline: it quotes no words and writes none; leave --probe out")
        data = self._without_evaluated(data, drop_shared) if self.needs_rows else data
        name, source = data.task.name, self._source
        kept = self._folder / "trained" / name
        self._made[name] = learn(
            self.name,
            Lesson(
                data.task, data.train, data.validation, settings.seed, kept, source.device, source.revision, self._tell
            ),
        )
        settings = settings.model_copy(update={"labels_only": True})
        return Plan(data, data.task, None, settings, None, taught=True)

    def _without_evaluated(self, data: Data, drop_shared: bool) -> Data:
        """Sees to it that what is evaluated was not learned: the very rows never, other rows of the post if so asked.

        Raises:
            UserError: The rows evaluated are those it learns from.
        """
        evaluated = set(map(id, data.samples))
        if any(id(row) in evaluated for row in (*data.train, *data.validation)):
            raise UserError(
                f"{data.path}: split {data.split} holds rows that {self.name} learns from; name another with --split, "
                "or divide the file anew with --held-out-by"
            )
        shared = shared_posts((*data.train, *data.validation), data.samples)
        if not shared:
            return data
        if not drop_shared:
            self._tell(
                f"{data.task.name}: {self.name} also learns from {len(shared)} of the posts evaluated, which the file "
                "repeats; --drop-shared leaves them out there"
            )
            return data
        known = {post_key(row.text) for _, row in shared}
        train, validation = (
            [row for row in rows if post_key(row.text) not in known] for rows in (data.train, data.validation)
        )
        return replace(data, train=train, validation=validation)

    def answer(self, posts: Sequence[str], plan: Plan) -> Sequence[Answer]:
        """One answer per post, in order."""
        return self._made[plan.task.name].answer(posts)

    def close(self) -> None:
        """Nothing to close."""


def load(
    source: Source, batch_size: int, folder: Path, tell: Callable[[str], None] = lambda line: None
) -> Model | Baselines:
    """The model, ready to be asked.

    Args:
        source: Where it comes from.
        batch_size: Posts per call.
        folder: The run's folder, where a baseline that is trained for the run is kept.
        tell: Is told how such a training goes.

    Raises:
        UserError: It cannot be had.
    """
    return Baselines(source, folder, tell) if source.is_baseline else Model(source, batch_size)


def _erases(settings: Settings) -> bool:
    return bool(set(ERASURE) & set(settings.probe))


def _load(source: Source) -> "LoadedModel | RemoteModel":
    if not source.endpoints and not source.endpoint_model:
        from mentalglm.models import load_model

        return load_model(source.model, source.device, source.dtype, source.revision, source.quantization)
    if not (source.endpoints and source.endpoint_model):
        raise UserError("--endpoint and --endpoint-model go together; name both")
    if source.device or source.dtype or source.revision or source.quantization:
        names = "--device, --dtype, --revision and --quantization"
        raise UserError(f"{names} are the endpoint's own business; leave them out")
    from mentalglm.remote import connect

    return connect(
        source.endpoints,
        source.endpoint_model,
        folder=None if source.model is None else Path(source.model),
        allow_external=source.allow_external,
        api_key_env=source.api_key_env,
        concurrency=source.concurrency,
        timeout=source.timeout,
    )
