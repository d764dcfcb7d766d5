"""How fast training is against Hugging Face's Trainer and LLaMA-Factory, and in how much memory.

``python -m tests.bench.train_speed [--llamafactory PYTHON] [--rows N] [--vocab 151552 8000] [--rounds N] [--full]``

In one run, on one machine: the same small GLM of random weights (hidden 256, 8 layers), the same rows of the open
corpus over the same epochs, equally many tokens in a step on average, LoRA r 8 on all linear layers (or ``--full``
tuning), fp32 on CPU, equally many threads. Every trainer is a process of its own, started in turn, round after round;
figures are medians over the rounds. The first steps of each are left out of the time.

Before that, one epoch at a learning rate of almost nothing, a row or pack at a time: every trainer must read the same
tokens and score the same ones, and the losses tell whether it computes the same thing (plain packing does not: there
the rows of a pack see each other).

LLaMA-Factory wants other versions than ours and gets an environment of its own::

    python -m venv ENV
    ENV/bin/pip install llamafactory==0.9.5 --extra-index-url https://download.pytorch.org/whl/cpu
    python -m tests.bench.train_speed --llamafactory ENV/bin/python

Give it the same torch as ours where you can (``torch==X`` before ``llamafactory``). Text needs neither torchvision nor
torchaudio; where their builds don't fit that torch, importing transformers fails: ``ENV/bin/pip uninstall torchvision
torchaudio``. Its gradient checkpointing, on by default, is off here, since it costs a third more work; ``lf-default``
has it on.
"""

import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.small_glm import count_tokens, open_rows, small_glm, write_rows
from tests.bench.trainers.watch import Job

ROOT = Path(__file__).parents[2]
SEQ_LENGTH = 512
# The module of tests/bench/trainers and what it is told besides.
TRAINERS: dict[str, tuple[str, list[str]]] = {
    "ours": ("ours", []),
    "hf": ("hugging_face", []),
    "hf-by-length": ("hugging_face", ["group_by_length"]),
    "lf": ("llama_factory", []),
    "lf-packing": ("llama_factory", ["packing"]),
    "lf-neat-packing": ("llama_factory", ["neat_packing"]),
    "lf-default": ("llama_factory", ["checkpointing"]),
}


@dataclass(frozen=True)
class Seen:
    """What one trainer's process showed; times and tokens after the warm-up.

    Attributes:
        tokens: Tokens read in the whole run, padding excluded.
        scored: Those of them that the loss counts.
        tokens_per_second: Of the wall.
        tokens_per_processor_second: Processor time of all threads, which a busy machine disturbs less.
        loss: Mean over all scored tokens of the run.
        peak_mib: Most memory resident, up to the last step.
        after_imports_mib: Resident before a model was there.
        steps: Steps taken.
    """

    tokens: int
    scored: int
    tokens_per_second: float
    tokens_per_processor_second: float
    loss: float
    peak_mib: float
    after_imports_mib: float
    steps: int


def main() -> None:
    """Measures what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--llamafactory", type=Path, metavar="PYTHON", help="of an environment that holds it")
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--packs", type=int, default=4, help=f"in a step, of {SEQ_LENGTH} tokens")
    parser.add_argument("--vocab", type=int, nargs="+", default=[151_552, 8_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--warm-up", type=int, default=3, help="steps left out of the time")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--full", action="store_true", help="train all weights")
    parser.add_argument("--trainers", nargs="+", choices=TRAINERS, default=list(TRAINERS))
    parser.add_argument("--check-rows", type=int, default=48, help="rows of the comparison of losses; 0 leaves it out")
    parser.add_argument("--work", type=Path, help="a folder to keep everything in")
    asked = parser.parse_args()
    names = [name for name in asked.trainers if not name.startswith("lf") or asked.llamafactory is not None]
    if names != asked.trainers:
        print("LLaMA-Factory is left out: --llamafactory names no Python that has it")
    with tempfile.TemporaryDirectory() as scratch:
        work = asked.work or Path(scratch)
        rows = open_rows(work)
        for vocab in asked.vocab:
            model = small_glm(work / f"model-{vocab}", vocab)
            compare(asked, names, model, rows, work)


def compare(asked: Any, names: list[str], model: Path, rows: list[dict[str, Any]], work: Path) -> None:
    """All trainers on one model: first that they do the same, then how fast."""
    lengths, _ = count_tokens(model, rows[: asked.rows])
    assert max(lengths) < SEQ_LENGTH, "a row would be cut"
    examples = round(asked.packs * SEQ_LENGTH * asked.rows / sum(lengths))
    rows = rows[: asked.rows // examples * examples]  # steps that are not full are dropped
    lengths, scored = count_tokens(model, rows)
    tokens = sum(lengths)
    print(
        f"\n{model.name}, {'full tuning' if asked.full else 'LoRA'}, {asked.threads} threads: {len(rows)} rows of "
        f"{tokens / len(rows):.0f} tokens, {scored / tokens:.0%} of them scored; a step is {asked.packs} packs of "
        f"{SEQ_LENGTH}, or {examples} rows padded",
        flush=True,
    )
    job = Job(str(model), "", "", SEQ_LENGTH, asked.packs, examples, asked.epochs, not asked.full)
    if asked.check_rows:
        check(asked, names, replace(job, packs=1, examples=1, epochs=1), rows[: asked.check_rows], work)
    job = replace(job, data=str(write_rows(work / "rows", rows)))
    seen: dict[str, list[Seen]] = {name: [] for name in names}
    for number in range(asked.rounds):
        order = random.Random(number).sample(names, len(names))
        for name in order:
            seen[name].append(run(asked, name, job, work, asked.warm_up))
            print(f"  round {number + 1}: {name} {seen[name][-1].tokens_per_second:,.0f} tokens/s", flush=True)
    print_table(seen)


def check(asked: Any, names: list[str], job: Job, rows: list[dict[str, Any]], work: Path) -> None:
    """Prints what every trainer reads, scores and loses over ``rows`` with the untouched weights."""
    job = replace(job, data=str(write_rows(work / "check", rows)), learning_rate=1e-12, logging_steps=1)
    seen = {name: run(asked, name, job, work, 0) for name in names}
    print(f"{len(rows)} rows, one at a time, weights untouched:")
    for name, one in seen.items():
        print(f"  {name:16} {one.tokens:8,} tokens {one.scored:8,} scored   loss {one.loss:.6f}", flush=True)
    if len({(one.tokens, one.scored) for one in seen.values()}) > 1:
        sys.exit("the trainers don't read or score the same tokens: their speeds can't be compared")


def run(asked: Any, name: str, job: Job, work: Path, warm_up: int) -> Seen:
    """One trainer in a process of its own."""
    module, variant = TRAINERS[name]
    python = asked.llamafactory if module == "llama_factory" else sys.executable
    with tempfile.TemporaryDirectory(dir=work) as out:
        path = replace(job, out=out, variant=variant).write(Path(out) / "job.json")
        done = subprocess.run(
            [str(python), "-m", f"tests.bench.trainers.{module}", str(path)],
            cwd=ROOT,
            env=environment(asked.threads, Path(out)),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"{name} failed:\n{done.stderr[-3000:]}")
        return summary(json.loads((Path(out) / "seen.json").read_text("utf-8")), warm_up)


def environment(threads: int, caches: Path) -> dict[str, str]:
    """The same for every trainer: CPU only, no network, nothing cached from an earlier run."""
    return os.environ | {
        "OMP_NUM_THREADS": str(threads),
        "CUDA_VISIBLE_DEVICES": "",
        "DS_ACCELERATOR": "cpu",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_CACHE": str(caches / "datasets"),
        "TOKENIZERS_PARALLELISM": "false",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # DeepSpeed looks for ninja there
    }


def summary(seen: dict[str, Any], warm_up: int) -> Seen:
    """What a trainer's ``seen.json`` comes to."""
    steps = seen["steps"]
    first = steps[max(0, warm_up - 1)]
    timed = steps[max(1, warm_up) :]
    tokens = sum(step["tokens"] for step in timed)
    wall, processor = ((steps[-1][clock] - first[clock]) or math.nan for clock in ("wall", "processor"))
    scored = sum(step["scored"] for step in steps)
    return Seen(
        tokens=sum(step["tokens"] for step in steps),
        scored=scored,
        tokens_per_second=tokens / wall,
        tokens_per_processor_second=tokens / processor,
        loss=sum(step["loss"] * step["scored"] for step in steps) / scored,
        peak_mib=steps[-1]["peak_mib"],
        after_imports_mib=seen["after_imports_mib"],
        steps=len(steps),
    )


def print_table(seen: dict[str, list[Seen]]) -> None:
    """One line a trainer: medians over the rounds, and how ours compares."""
    rows = {
        name: {field: median(getattr(one, field) for one in runs) for field in Seen.__dataclass_fields__}
        for name, runs in seen.items()
    }
    ours = rows.get("ours")
    print(
        f"{'':16} {'tokens/s':>10} {'spread':>8} {'scored/s':>9} {'peak MiB':>9} {'imports':>8} {'scored':>9}   ours is"
    )
    for name, row in rows.items():
        rates = [one.tokens_per_second for one in seen[name]]
        spread = (max(rates) - min(rates)) / row["tokens_per_second"]
        print(
            f"{name:16} {row['tokens_per_second']:10,.0f} {spread:8.0%} "
            f"{row['tokens_per_second'] * row['scored'] / row['tokens']:9,.0f} {row['peak_mib']:9,.0f} "
            f"{row['after_imports_mib']:8,.0f} {row['scored']:9,.0f}   {_against(ours, row) if ours else ''}",
            flush=True,
        )


def _against(ours: dict[str, float], row: dict[str, float]) -> str:
    faster, lighter = (
        ours["tokens_per_second"] / row["tokens_per_second"],
        ours["peak_mib"] / row["peak_mib"],
    )
    processor = ours["tokens_per_processor_second"] / row["tokens_per_processor_second"]
    added = (ours["peak_mib"] - ours["after_imports_mib"]) / (row["peak_mib"] - row["after_imports_mib"])
    return (
        f"{faster:.2f} x as fast ({processor:.2f} by processor time), memory {lighter:.2f} x ({added:.2f} less imports)"
    )


if __name__ == "__main__":
    main()
