"""What a second rank brings: ``python -m tests.bench.train_scaling [--rows N] [--vocab N] [--rounds N] [--full]``.

``train/run.py`` under DeepSpeed's launcher with one rank, then with two, each rank on one core of its own with one
thread, so that the second rank brings a second core and nothing else. Same model, rows and packs per rank as in
``train_speed``; the first steps are left out; medians over rounds that take turns.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import median

from tests.bench.small_glm import open_rows, small_glm, write_rows
from tests.bench.train_speed import ROOT, SEQ_LENGTH, Seen, environment, summary
from tests.bench.trainers.watch import Job


def main() -> None:
    """Measures what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--packs", type=int, default=4, help=f"in a step of one rank, of {SEQ_LENGTH} tokens")
    parser.add_argument("--vocab", type=int, default=8_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--warm-up", type=int, default=3, help="steps left out of the time")
    parser.add_argument("--deepspeed", default="zero0", help="settings of train/deepspeed")
    parser.add_argument("--full", action="store_true", help="train all weights")
    asked = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    if cores < max(asked.ranks):
        sys.exit(f"{max(asked.ranks)} ranks want a core each; this process may use {cores}")
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        model = small_glm(work / "model", asked.vocab)
        data = write_rows(work / "rows", open_rows(work)[: asked.rows])
        extra = {"pin": True, "settings": {"deepspeed": asked.deepspeed}}
        job = Job(str(model), str(data), "", SEQ_LENGTH, asked.packs, 0, 1, not asked.full, extra=extra)
        seen: dict[int, list[Seen]] = {ranks: [] for ranks in asked.ranks}
        for number in range(asked.rounds):
            for ranks in asked.ranks if number % 2 == 0 else reversed(asked.ranks):
                seen[ranks].append(run(job, ranks, work, asked.warm_up))
                print(
                    f"  round {number + 1}: {ranks} ranks {seen[ranks][-1].tokens_per_second:,.0f} tokens/s", flush=True
                )
    alone = median(one.tokens_per_second for one in seen[asked.ranks[0]])
    for ranks, runs in seen.items():
        rate = median(one.tokens_per_second for one in runs)
        print(f"{ranks} ranks {rate:10,.0f} tokens/s, {rate / alone:.2f} x, {runs[0].steps} steps, {asked.deepspeed}")


def run(job: Job, ranks: int, work: Path, warm_up: int) -> Seen:
    """One training of that many ranks."""
    with tempfile.TemporaryDirectory(dir=work) as out:
        path = replace(job, out=out).write(Path(out) / "job.json")
        launcher = [str(Path(sys.executable).parent / "deepspeed"), "--num_accelerators", str(ranks)]
        done = subprocess.run(
            [*launcher, "--master_port", free_port(), "--module", "tests.bench.trainers.ours", str(path)],
            cwd=ROOT,
            env=environment(1, Path(out)),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"{ranks} ranks failed:\n{done.stderr[-3000:]}")
        return summary(json.loads((Path(out) / "seen.json").read_text("utf-8")), warm_up)


def free_port() -> str:
    """A port nobody listens on."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return str(server.getsockname()[1])


if __name__ == "__main__":
    main()
