"""What more rows cost: ``python -m tests.bench.train_rows [--rows 1000 10000 50000] [--steps N] [--rounds N]``.

Trains the embedded model through ``train/run.py`` on the open corpus cut or repeated to each number of rows, the same
number of steps each time, spread over the whole epoch's plan as training always is. Every run is a process of its own;
the sizes take turns, round after round, and figures are medians over the rounds.

- first start: seconds from the command to the first step when the rows must be encoded before;
- start: the same when they are cached;
- µs/token: of the steps alone, the first ones left out, and what that is against the fewest rows;
- plan: seconds to pack one epoch;
- memory: the process's peak.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from statistics import median

import yaml

from mentalglm.models.find import EMBEDDED
from tests.bench.small_glm import open_rows, write_rows
from train.plan import plan_steps
from train.read_config import load_config
from train.tokenized import CACHE, open_tokenized

ROOT = Path(__file__).parents[2]
_WARM_UP = 5  # steps


@dataclass
class Size:
    """What the runs on one number of rows showed."""

    config: Path
    first_start: float = 0.0
    starts: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)


def main() -> None:
    """Measures what the command line asks for and prints a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000, 50_000])
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        rows = open_rows(work)
        sizes = {count: prepared(work / str(count), rows, count, asked.steps) for count in asked.rows}
        for size in sizes.values():
            size.first_start, _, _ = run(size)
        for _ in range(asked.rounds):
            for size in sizes.values():
                start, cost, memory = run(size)
                size.starts.append(start)
                size.costs.append(cost)
                size.memory.append(memory)
        print_table(sizes)


def prepared(folder: Path, rows: list[dict[str, object]], count: int, steps: int) -> Size:
    """An instruction folder of ``count`` rows, and the settings of a run on it."""
    repeated = (row | {"id": f"r{number}"} for number, row in enumerate(islice(cycle(rows), count)))
    settings = {
        "output_dir": str(folder / "run"),
        "model": str(EMBEDDED),
        "data": str(write_rows(folder / "data", list(repeated))),
        "max_seq_length": 512,
        "per_device_train_batch_size": 2,
        "max_steps": steps,
        "num_train_epochs": 100,  # few rows are too few for all steps in one
        "save_steps": 100_000,
        "logging_steps": 1,
        "resume": "never",
        "report_to": [],
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return Size(path)


def run(size: Size) -> tuple[float, float, float]:
    """Seconds to the first step, microseconds a token behind the warm-up, and the peak in GiB of one run."""
    out = Path(load_config(size.config, []).output_dir)
    shutil.rmtree(out, ignore_errors=True)
    log, started, first = out / "log.jsonl", time.monotonic(), 0.0
    command = [sys.executable, str(ROOT / "train" / "run.py"), str(size.config)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT)}
    ) as process:
        while not first and process.poll() is None:
            first = time.monotonic() - started if log.exists() and log.stat().st_size else 0.0
            time.sleep(0.02)
        _, errors = process.communicate()
    if process.returncode:
        raise SystemExit(errors.decode())
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    counted = [line for line in lines if "loss" in line][_WARM_UP:]
    seconds = sum(line["tokens"] / line["tokens_per_second"] for line in counted)
    return first, 1e6 * seconds / sum(line["tokens"] for line in counted), max(line["memory_gib"] for line in counted)


def print_table(sizes: dict[int, Size]) -> None:
    """One line for each number of rows."""
    print(f"{'rows':>8} {'first start':>12} {'start':>8} {'µs/token':>10} {'ratio':>7} {'plan':>8} {'memory':>10}")
    fewest = median(sizes[min(sizes)].costs)
    for count, size in sizes.items():
        cost = median(size.costs)
        starts = f"{size.first_start:>10.1f} s {median(size.starts):>6.1f} s"
        rest = f"{seconds_to_plan(size):>6.2f} s {median(size.memory):>6.2f} GiB"
        print(f"{count:>8,} {starts} {cost:>10.1f} {cost / fewest:>7.3f} {rest}")


def seconds_to_plan(size: Size) -> float:
    """Seconds to pack one epoch."""
    config = load_config(size.config, ["num_train_epochs=1", "max_steps=null"])
    [folder] = (config.data / CACHE).iterdir()
    data = open_tokenized(folder)
    assert data is not None
    started = time.monotonic()
    plan_steps(data, config, world=1)
    return time.monotonic() - started


if __name__ == "__main__":
    main()
