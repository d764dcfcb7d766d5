"""What every trainer of the benchmark is measured with, the same in each of their environments.

A trainer runs as ``python -m tests.bench.trainers.NAME JOB.json``, in a process of its own. This file needs nothing but
the standard library, and transformers for the callback, since LLaMA-Factory lives in another environment than ours.
"""

import json
import os
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Job:
    """What a trainer is to do.

    Attributes:
        model: Folder of the model, its tokenizer beside it.
        data: Instruction folder: ``train.parquet`` and ``dataset_info.json``.
        out: Where the trainer may write.
        seq_length: Longest row, and length of a pack, in tokens.
        packs: Packs in a step.
        examples: Rows in a step of a trainer that pads: as many as hold the same tokens.
        epochs: Passes over the rows.
        lora: Train an adapter (r 8, alpha 32, dropout .05, all linear layers but the head), else all weights.
        learning_rate: Constant for the others; ours has a cosine.
        logging_steps: Steps between lines of the log.
        variant: What the trainer is told besides: ``group_by_length``, ``packing``, ``neat_packing``,
            ``checkpointing``.
        extra: Settings for ours alone.
    """

    model: str
    data: str
    out: str
    seq_length: int
    packs: int
    examples: int
    epochs: int
    lora: bool = True
    learning_rate: float = 1e-4
    logging_steps: int = 10
    variant: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    def write(self, path: Path) -> Path:
        """Keeps the job as JSON; returns ``path``."""
        path.write_text(json.dumps(asdict(self)), "utf-8")
        return path


def read_job() -> Job:
    """The job that the command line names last; a launcher puts ``--local_rank`` before it."""
    return Job(**json.loads(Path(sys.argv[-1]).read_text("utf-8")))


class Watch:
    """Counts what each step reads and how long it takes; made once the trainer's imports are done.

    Args:
        job: The job; what was seen is written into its ``out`` as ``seen.json``.
    """

    def __init__(self, job: Job) -> None:
        self._path = Path(job.out) / "seen.json"
        self._steps: list[dict[str, float]] = []
        self._after_imports = _memory("VmRSS")
        self._tokens = self._scored = 0
        self._flops = 0.0

    def count(self, tokens: int, scored: int, flops: float = 0.0) -> None:
        """Takes note of work done: tokens without padding, those that the loss counts, model FLOPs where known."""
        self._tokens += tokens
        self._scored += scored
        self._flops += flops

    def step_done(self, loss: float | None = None) -> None:
        """Takes note of an optimizer step that has ended; ``loss`` is its mean over scored tokens, where known."""
        self._steps.append(
            {
                "tokens": self._tokens,
                "scored": self._scored,
                "flops": self._flops,
                "loss": float("nan") if loss is None else loss,
                "wall": time.perf_counter(),
                "processor": time.process_time(),
                "peak_mib": _memory("VmHWM"),
            }
        )
        self._tokens = self._scored = 0
        self._flops = 0.0

    def told_loss(self, loss: float) -> None:
        """Sets the loss of the step that ended last, for trainers that tell of it afterwards."""
        self._steps[-1]["loss"] = loss

    def write(self) -> None:
        """Keeps everything seen."""
        seen = {"steps": self._steps, "after_imports_mib": self._after_imports}
        self._path.write_text(json.dumps(seen), "utf-8")


def hugging_face_callback(watch: Watch, pad: int) -> Any:
    """A ``TrainerCallback`` that counts what the model is given, before the model sees it.

    Padding is told by its id, since LLaMA-Factory's plain packing has no mask over it. The label of a row's first token
    counts for nothing: no token stands before it.
    """
    from transformers import TrainerCallback

    def look(module: Any, args: tuple[Any, ...], given: dict[str, Any]) -> None:
        tokens = int((given["input_ids"] != pad).sum())
        watch.count(tokens, int((given["labels"][:, 1:] != -100).sum()))

    class Counter(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **rest: Any) -> None:
            model.register_forward_pre_hook(look, with_kwargs=True)

        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            watch.step_done()

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **rest: Any) -> None:
            if "loss" in (logs or {}):
                watch.told_loss(float(logs["loss"]))

        def on_train_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            watch.write()

    return Counter()


def pin_to_one_core() -> None:
    """Keeps this rank on one core of its own, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(os.environ.get("LOCAL_RANK", "0")) % len(cores)]})


def _memory(field_name: str) -> float:
    """A memory figure of this process in MiB: ``VmRSS`` is resident now, ``VmHWM`` the most there has been."""
    for line in Path("/proc/self/status").read_text("utf-8").splitlines():
        if line.startswith(f"{field_name}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("this benchmark reads memory from /proc, which Linux alone has")
