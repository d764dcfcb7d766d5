"""How fast a corpus is built: ``python -m tests.bench.build_speed [CONFIG --data DIR] [--rows N…]``.

With a config: rows per second of each stage, and of the whole against a plain loop that does the same work in one
process, row by row, without remembering a post it has seen. With ``--rows``: builds from made-up tables of those sizes,
each in a fresh process, to show that cost grows with the rows and not faster, and how much memory they take.
"""

import argparse
import csv
import os
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import yaml

LABELS = ("高兴", "平静", "难过", "生气")


def main() -> None:
    """Measures what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", nargs="?", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--rows", type=int, nargs="*", default=[])
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.config is not None:
        stages(asked.config, asked.data, loop=not asked.alone)
    for rows in asked.rows:
        with tempfile.TemporaryDirectory() as folder:
            config = made_up(Path(folder), rows)
            print(f"\n{rows:,} rows", flush=True)
            command = [sys.executable, "-m", __spec__.name if __spec__ else __name__]
            subprocess.run([*command, str(config), "--data", folder, "--alone"], check=True)


def stages(config: Path, data: Path, loop: bool) -> None:
    """Builds once and prints the seconds and rows per second of each stage, and the plain loop's."""
    from instructions.build import build

    with tempfile.TemporaryDirectory() as out:
        start = perf_counter()
        built = build(config, data, Path(out))
        whole = perf_counter() - start
    read = len(built.gathered.candidates) + len(built.gathered.dialogues)
    for stage, seconds in built.seconds.items():
        print(f"{stage:10} {seconds:8.2f} s {read / seconds:12,.0f} rows/s")
    own, worker = (
        resource.getrusage(who).ru_maxrss / 2**20 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    cores = os.cpu_count() or 1
    print(f"{'whole':10} {whole:8.2f} s {read / whole:12,.0f} rows/s   {read:,} rows read, {len(built.rows):,} written")
    # An upper bound: workers share pages with their parent, and their peaks need not meet.
    print(f"at most {own + cores * worker:.2f} GiB: {own:.2f} here, {worker:.2f} in each of {cores} workers")
    if loop:
        seconds = plain_loop(config, built)
        print(f"plain loop {seconds:8.2f} s: examine and screen are {seconds / _checking(built):.2f} x as fast")


def plain_loop(config_path: Path, built: object) -> float:
    """The seconds that the checks of ``examine`` and ``screen`` take, written as one loop over the rows."""
    from datasketch import MinHash, MinHashLSH

    from instructions.checks import explanation_fault, problems
    from instructions.config import Config
    from instructions.duplicates import text_key
    from instructions.instruct import reads_back
    from instructions.mojibake import is_damaged
    from mentalglm.personal_data import mask
    from mentalglm.yaml_files import read_yaml

    config: Config = read_yaml(config_path, Config)
    index, seen = MinHashLSH(threshold=0.8, num_perm=128), set()
    start = perf_counter()
    for number, candidate in enumerate(built.gathered.candidates):  # type: ignore[attr-defined]
        record = candidate.record
        if is_damaged(record.text or "") or problems(record) or explanation_fault(record):
            continue
        mask(record.text or "")
        mask(record.explanation or "")
        key = (record.task, text_key(record.text or ""))
        if key in seen or not reads_back(record, config.style, config.seed, candidate.evidence_marked):
            continue
        seen.add(key)
        text = record.text or ""
        minhash = MinHash(num_perm=128)
        minhash.update_batch([text[place : place + 5].encode() for place in range(max(1, len(text) - 4))])
        index.query(minhash)
        index.insert(number, minhash)
    return perf_counter() - start


def _checking(built: object) -> float:
    return built.seconds["examine"] + built.seconds["screen"]  # type: ignore[attr-defined, no-any-return]


def made_up(folder: Path, rows: int) -> Path:
    """A table of ``rows`` rows, one in twenty nearly a copy of another, and the config that builds from it."""
    chance = random.Random(1)
    words = ["".join(chr(chance.randrange(0x4E00, 0x9FA5)) for _ in range(2)) for _ in range(20_000)]
    with (folder / "posts.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        post: list[str] = []
        for number in range(rows):
            if number % 20:
                post = chance.choices(words, k=chance.randrange(20, 80))
            else:
                post = [*post[:-1], chance.choice(words)]
            writer.writerow(["".join(post), chance.choice(LABELS)])
    task = {"name": "mood", "kind": "single", "language": "zh", "question": "这是什么心情？", "labels": list(LABELS)}
    source = {
        "name": "made-up",
        "reader": "table",
        "files": ["posts.csv"],
        "language": "zh",
        "tasks": [{"task": "mood", "labels": "label"}],
    }
    made = {"name": "made_up", "mixture": {"total": "all"}, "tasks": [task], "sources": [{"source": source}]}
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(made, allow_unicode=True), encoding="utf-8")
    return config


if __name__ == "__main__":
    main()
