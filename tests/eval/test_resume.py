"""A run of 5,000 samples killed five times at random ends as if it had never been killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
ROWS, KILLS = 5000, 5


@pytest.mark.slow
def test_five_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    data = tmp_path / "suicide_risk.jsonl"
    kinds = (("都安排好了，日子也定了", "高自杀风险"), ("照常上班，照常吃饭", "低自杀风险"))
    with data.open("w", encoding="utf-8") as file:
        for i in range(ROWS + 40):
            words, label = kinds[i % 3 > 0]
            split = "train" if i < 40 else "test"
            row = {"id": f"r{i}", "text": f"第{i}天，{words}", "labels": [label], "split": split}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    out, whole = tmp_path / "killed", tmp_path / "whole"
    command = [sys.executable, "-m", "eval", "run", "--task", "suicide_risk", "--data", str(data), "--model", "tfidf"]
    command += ["--batch-size", "4", "--out"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    # Truly at random: a failure prints where.
    stored, stops, killed = out / "samples.jsonl", sorted(random.sample(range(50, ROWS - 500), KILLS)), 0
    for stop in stops:
        process = subprocess.Popen([*command, str(out)], cwd=REPOSITORY, stderr=subprocess.DEVNULL, env=environment)
        while process.poll() is None:
            if stored.exists() and stored.stat().st_size > stop * 550:  # a line has more than 550 bytes
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.002)
        process.wait()
        killed += process.returncode == -signal.SIGKILL
    for folder in (out, whole):
        subprocess.run([*command, str(folder)], cwd=REPOSITORY, stderr=subprocess.DEVNULL, check=True, env=environment)
    assert killed == KILLS, f"{killed} of {KILLS} kills came in time, at {stops}"
    lines, expected = (path.read_bytes().splitlines() for path in (stored, whole / "samples.jsonl"))
    assert min(map(len, expected)) > 550
    assert len(lines) == ROWS and len(set(lines)) == ROWS, stops
    assert set(lines) == set(expected), stops
