"""A run that is killed five times ends with the samples of one that is not; what scoring 100,000 samples costs.

    python -m tests.bench.eval_kills [--samples 5000] [--kills 5] [--seed 0]
    python -m tests.bench.eval_kills --score 100000

The posts are the open corpus's, each several times under other ids; the model is the embedded one, labels alone. Kills
are SIGKILL, when the file of samples has grown to lengths drawn by the seed. Scored samples are made up.
"""

import argparse
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

from tests.eval.conftest import sample, write_run

RECORDS = Path(__file__).parents[2] / "instructions/open/records/suicide_risk.jsonl"


def main() -> None:
    """Reads the command line and prints what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--score", type=int, help="score so many samples instead")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if chosen.score:
            _score(Path(folder), chosen.score, chosen.seed)
        else:
            _kill(Path(folder), chosen.samples, chosen.kills, chosen.seed)


def _kill(folder: Path, count: int, kills: int, seed: int) -> None:
    data, whole, broken = folder / "posts.jsonl", folder / "whole", folder / "broken"
    rows = [json.loads(line) for line in RECORDS.read_text(encoding="utf-8").splitlines()]
    with data.open("w", encoding="utf-8") as file:
        for number, row in enumerate(islice(cycle(rows), count)):
            row = row | {"id": f"{number}", "group": f"{number}", "split": "test"}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    started = time.monotonic()
    assert _run(data, whole).wait() == 0
    seconds = time.monotonic() - started
    reached = sorted(random.Random(seed).sample(range(count // 20, count), kills))
    for target in reached:
        process = _run(data, broken)
        while process.poll() is None and _lines(broken) < target:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        print(f"killed at {_lines(broken)} samples, {_bytes_behind_the_last_line(broken)} bytes of a broken line")
    assert _run(data, broken).wait() == 0
    one, other = ((run / "samples.jsonl").read_bytes().splitlines() for run in (whole, broken))
    print(
        f"{len(one)} samples in {seconds:.0f} s; killed {kills} times: {len(other)} lines, {len(set(other))} different,"
        f" equal as sets: {set(one) == set(other)}, equal in order: {one == other}"
    )


def _run(data: Path, out: Path) -> "subprocess.Popen[bytes]":
    words = ["-m", "eval", "run", "--task", "suicide_risk", "--data", data, "--labels-only", "--out", out]
    return subprocess.Popen([sys.executable, *map(str, words)], stderr=subprocess.DEVNULL, env=os.environ)


def _lines(run: Path) -> int:
    path = run / "samples.jsonl"
    return path.read_bytes().count(b"\n") if path.is_file() else 0


def _bytes_behind_the_last_line(run: Path) -> int:
    data = (run / "samples.jsonl").read_bytes()
    return len(data) - data.rfind(b"\n") - 1


def _score(folder: Path, count: int, seed: int) -> None:
    drawn = random.Random(seed)
    labels = ["高自杀风险", "低自杀风险"]
    made = []
    for number in range(count):
        gold = labels[drawn.random() > 0.2]
        p = min(1.0, max(0.0, drawn.gauss(0.7 if gold == labels[0] else 0.3, 0.2)))
        said = labels[p < 0.5]
        row = sample([gold], [said], probabilities={labels[0]: p, labels[1]: 1 - p})
        made.append(row | {"id": str(number), "group": str(number // 2)})
    run = write_run(folder / "run", "suicide_risk", made)
    command = [sys.executable, "-m", "eval", "score", str(run)]
    started = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - started
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{count} samples, 1,000 draws: {seconds:.1f} s, {used.ru_utime + used.ru_stime:.1f} s of processor time, "
        f"{used.ru_maxrss / 1024:.0f} MB"
    )


if __name__ == "__main__":
    main()
