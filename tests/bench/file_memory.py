"""How fast files are read and written, and in how much memory: ``python -m tests.bench.file_memory [ROWS [POSTS]]``.

First ROWS rows (a million) with the model left out, in every format: what the reader and the writer cost by themselves.
Then POSTS rows (100,000) through ``mentalglm analyze --labels-only`` with a tiny model. Each is run on a tenth of the
rows too: where memory is flat, both peaks are the same. Every run is a process of its own.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from mentalglm.analysis import Analysis, ErrorInfo, Evidence
from mentalglm.analyze_files import Request, write_results
from mentalglm.readers import open_posts
from mentalglm.tasks import load_task

TASK = "suicide_risk"
FORMATS = ("json", "csv", "xlsx")


def main(rows: int = 1_000_000, posts: int = 100_000) -> None:
    """Measures and prints."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print("the model left out")
        measure(folder, rows, FORMATS, ["-m", "tests.bench.file_memory", "--without-model"])
        from tests.tiny import save_tiny

        model = save_tiny(folder / "tiny")
        print("mentalglm analyze --labels-only, a tiny model")
        command = ["-m", "mentalglm.cli", "analyze", "--task", "emotional_safety", "--labels-only", "--device", "cpu"]
        measure(folder, posts, ("json", "xlsx"), [*command, "--model", str(model)])


def measure(folder: Path, rows: int, formats: tuple[str, ...], command: list[str]) -> None:
    """Runs ``command`` on a tenth of ``rows`` and on all, and prints each run's peak of resident memory."""
    for form in formats:
        for count in (rows // 10, rows):
            path, out = folder / "posts.csv", folder / f"out.{form}"
            make(path, count)
            started = time.monotonic()
            child = os.spawnv(
                os.P_NOWAIT,
                sys.executable,
                [sys.executable, *command, "--file", str(path), "--format", form, "--out", str(out)],
            )
            _, status, used = os.wait4(child, 0)
            assert os.waitstatus_to_exitcode(status) == 0, "the run failed"
            spent = time.monotonic() - started
            print(f"{form:5} {count:>10,} rows  {spent:7.1f} s  peak {used.ru_maxrss / 1024:6.0f} MiB", flush=True)
            out.unlink()


def make(path: Path, count: int) -> None:
    """Writes a table of posts with an id that Excel would round."""
    with path.open("w", encoding="utf-8") as file:
        file.write("id,text,note\n")
        file.writelines(f"{10**17 + k},第{k}天又没有睡好，很累,a\n" for k in range(count))


def without_model(path: str, form: str, out: str) -> None:
    """Reads and writes as ``mentalglm analyze`` does, with an answer made from the post alone."""
    names = load_task(TASK).label_names

    def answers(texts: list[str]) -> list[list[Analysis] | ErrorInfo]:
        return [[answer(text)] for text in texts]

    def answer(text: str) -> Analysis:
        return Analysis(
            task=TASK,
            text=text,
            labels=[names[0]],
            probabilities=dict.fromkeys(names, 0.5),
            evidence=[Evidence(text=text[:2], start=0, end=2)],
            explanation="文字中写到没有睡好。",
            crisis="none",
            model="none",
            prompt_hash="none",
        )

    request = Request(None, path, None, [TASK], {"labels_only": False}, form, Path(out), "zh")
    write_results(answers, open_posts(path), [TASK], request, {})


if __name__ == "__main__":
    if sys.argv[1:2] == ["--without-model"]:
        without_model(*sys.argv[3::2])
    else:
        main(*map(int, sys.argv[1:]))
