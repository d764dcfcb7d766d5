"""How fast the embedded model analyses posts: ``python -m tests.bench.analyze_speed [POSTS]``.

Prints answers per second for the open corpus's test posts, all six tasks, in one run: one post at a time, in batches,
and labels only; then how far a decode step is from the time it takes to read the weights from memory once.
"""

import json
import sys
import time
from pathlib import Path

import torch

from mentalglm.analyzer import Analyzer

RECORDS = Path(__file__).parent.parent.parent / "instructions" / "open" / "records" / "suicide_risk.jsonl"


def main(count: int = 96) -> None:
    """Measures and prints."""
    rows = [json.loads(line) for line in RECORDS.read_text(encoding="utf-8").splitlines()]
    posts = [row["text"] for row in rows if row["split"] == "test"][:count]
    analyzer = Analyzer.load()
    analyzer.analyze(posts[:2], "all")  # the first call builds what later calls reuse
    single = seconds(lambda: [analyzer.analyze([post], "all") for post in posts[: count // 4]]) * 4
    batched = seconds(lambda: analyzer.analyze(posts, "all"))
    labels = seconds(lambda: analyzer.analyze(posts, "all", labels_only=True))
    answers = len(posts) * len(analyzer.tasks)
    print(f"{len(posts)} posts x {len(analyzer.tasks)} tasks, {torch.get_num_threads()} threads")
    for name, spent in (("one post at a time", single), ("batches of 32", batched), ("labels only", labels)):
        per_post = spent / len(posts) * 1000
        print(f"{name:20} {answers / spent:8.1f} answers/s  {per_post:7.1f} ms/post  {single / spent:5.1f}x")
    floor = weight_bytes(analyzer) / bandwidth()
    print(f"floor of a decode step: {floor * 1000:.2f} ms (weights read once at the measured memory bandwidth)")


def seconds(work: object) -> float:
    """How long ``work`` takes."""
    started = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - started


def weight_bytes(analyzer: Analyzer) -> int:
    """Bytes of the weights as they are held in memory."""
    return analyzer.describe()["parameters"] * 4


def bandwidth(size: int = 256 * 2**20) -> float:
    """Bytes per second of a plain sum over an array larger than the caches."""
    array = torch.ones(size // 4)
    array.sum()
    return size / min(seconds(array.sum) for _ in range(5))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
