"""How much of the batch path's speed is left behind HTTP: ``python -m tests.bench.serve_speed [POSTS] [CLIENTS]``.

In one run, with the embedded model and the open corpus's test posts, all six tasks: the library on all posts at once,
then a server of its own process on loopback, asked by so many clients at a time, one post a request. Prints posts per
second of both, their ratio, the slowest requests and how many failed.
"""

import json
import os
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from mentalglm.analyzer import Analyzer

ROOT = Path(__file__).parents[2]
RECORDS = ROOT / "instructions" / "open" / "records" / "suicide_risk.jsonl"


def main(count: int = 256, clients: int = 32) -> None:
    """Measures and prints."""
    rows = [json.loads(line) for line in RECORDS.read_text(encoding="utf-8").splitlines()]
    texts = [row["text"] for row in rows if row["split"] == "test"]
    posts = [texts[k % len(texts)] for k in range(count)]
    analyzer = Analyzer.load(device="cpu")
    analyzer.analyze(posts[:2], "all")  # the first call builds what later calls reuse
    began = time.perf_counter()
    analyzer.analyze(posts, "all")
    batch = count / (time.perf_counter() - began)
    del analyzer
    seconds, failed, spent = served(posts, clients)
    ordered = sorted(seconds)
    p50, p99 = (ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99))
    print(f"{count} posts x 6 tasks")
    print(f"batch path {batch:8.1f} posts/s")
    print(f"served     {count / spent:8.1f} posts/s  {count / spent / batch:.0%} of it, {clients} clients")
    print(f"failed {failed}; seconds a request: median {p50:.2f}, p99 {p99:.2f}")


def served(posts: list[str], clients: int) -> tuple[list[float], int, float]:
    """Seconds of every request, how many failed, and seconds for all."""
    command = [sys.executable, "-m", "mentalglm.server", "--port", "0", "--quiet", "--device", "cpu"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=os.environ)
    assert process.stderr is not None
    lines = iter(process.stderr)
    url = next(found[1] for line in lines if (found := re.search(r"at (http://\S+);", line)))
    threading.Thread(target=lambda: list(lines), daemon=True).start()
    mine = threading.local()

    def ask(post: str) -> tuple[float, bool]:
        if not hasattr(mine, "client"):
            mine.client = httpx.Client(base_url=url, timeout=300, trust_env=False)
        began = time.perf_counter()
        response = mine.client.post("/v1/analyze", json={"posts": post, "task": "all"})
        return time.perf_counter() - began, response.status_code == 200

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(ask, posts[:clients]))  # connections are made, and what later calls reuse is built
        began = time.perf_counter()
        answers = list(pool.map(ask, posts))
        spent = time.perf_counter() - began
    process.terminate()
    process.wait()
    return [one for one, _ in answers], sum(not fine for _, fine in answers), spent


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
