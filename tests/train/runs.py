"""What the tests of training share: an instruction folder, a configuration, and three ways to run it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from tests.tiny import SENTENCES, TASKS, example_messages

ROOT = Path(__file__).parents[2]
SETTINGS: dict[str, Any] = {
    "max_seq_length": 128,
    "per_device_train_batch_size": 2,
    "learning_rate": 0.01,
    "warmup_ratio": 0.0,
    "logging_steps": 1,
    "save_steps": 1000,
    "show_sample": False,
}


def write_instructions(folder: Path, rows: int = 24, split: str = "train") -> Path:
    """Writes ``rows`` invented instructions of the six Chinese tasks; returns ``folder``."""
    import pyarrow
    import pyarrow.parquet

    table = [
        {
            "id": f"r{number}",
            "messages": example_messages(TASKS[number % len(TASKS)], SENTENCES[number % len(SENTENCES)], number),
            "task": TASKS[number % len(TASKS)],
            "source": "invented",
            "split": split,
            "weight": 1.0 if number % 2 else 0.5,
        }
        for number in range(rows)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(table), folder / f"{split}.parquet")
    return folder


def write_config(folder: Path, name: str, **settings: Any) -> Path:
    """Writes ``name``.yaml, whose run goes to ``folder/name``; returns the file's path."""
    path = folder / f"{name}.yaml"
    merged = SETTINGS | {"output_dir": str(folder / name)} | settings
    path.write_text(yaml.safe_dump({k: str(v) if isinstance(v, Path) else v for k, v in merged.items()}), "utf-8")
    return path


def run_here(*arguments: object) -> int:
    """``train/run.py`` in this process, which must be left as it was; returns the exit code."""
    import torch

    from train.run import main

    environment, threads = dict(os.environ), torch.get_num_threads()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    os.environ |= _environment()
    torch.set_num_threads(1)  # as in a process of its own: sums in another order differ in the last digit
    try:
        return main([str(argument) for argument in arguments])
    finally:
        torch.set_num_threads(threads)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.environ.clear()
        os.environ.update(environment)


def command(*arguments: object, launcher: tuple[str, ...] = ()) -> dict[str, Any]:
    """What ``subprocess`` needs to run ``train/run.py``, alone or under the launcher with its options given."""
    start = [sys.executable]
    if launcher:
        start = [str(Path(sys.executable).parent / "deepspeed"), *launcher]
    return {
        "args": [*start, str(ROOT / "train" / "run.py"), *map(str, arguments)],
        "cwd": ROOT,
        "env": os.environ | _environment(),
        "text": True,
    }


def _environment() -> dict[str, str]:
    return {"DS_ACCELERATOR": "cpu", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def run_alone(*arguments: object, launcher: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """``train/run.py`` in a process of its own."""
    return subprocess.run(**command(*arguments, launcher=launcher), capture_output=True, timeout=300, check=False)


@contextmanager
def started(*arguments: object, launcher: tuple[str, ...] = ()) -> Iterator[subprocess.Popen[str]]:
    """``train/run.py`` in processes of its own that go on while the test does something to them."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(**command(*arguments, launcher=launcher), **pipes) as process:
        try:
            yield process
        finally:
            kill_all(process)


def kill_all(process: subprocess.Popen[str]) -> None:
    """SIGKILL to ``process`` and all it has started, at once: as when a machine loses its power."""
    import psutil

    if process.poll() is None:
        family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        psutil.wait_procs(family, timeout=60)


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    """Waits until ``path`` is there, or the process has ended without it."""
    while not path.exists():
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        time.sleep(0.005)


def read_log(output_dir: Path) -> list[tuple[int, float]]:
    """The steps and losses of log.jsonl, in the order written."""
    lines = (output_dir / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [(line["step"], line["loss"]) for line in map(json.loads, lines) if "evaluation" not in line]


def losses(output_dir: Path) -> list[float]:
    """The loss of every step, the last word where a resumed run took a step again."""
    last = dict(read_log(output_dir))
    assert sorted(last) == list(range(1, len(last) + 1))
    return [last[step] for step in sorted(last)]


LONG: dict[str, Any] = {"num_train_epochs": 20, "save_steps": 10}  # 80 steps on 24 rows


def config_in(place: Path, name: str, **settings: Any) -> Path:
    """A configuration that starts from ``place/base`` on ``place/data``; the run goes to ``place/name``."""
    return write_config(place, name, **{"model": place / "base", "data": place / "data"} | settings)


def ran(place: Path, name: str, **settings: Any) -> Path:
    """Runs to the end in this process; returns the run's folder."""
    assert run_here(config_in(place, name, **settings)) == 0
    return place / name


def two_ranks() -> tuple[str, ...]:
    """The launcher's options for two ranks, at a port of their own."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return ("--num_accelerators", "2", "--master_port", str(server.getsockname()[1]))


def weights(run: Path) -> dict[str, Any]:
    """The tensors of a finished run's model."""
    from safetensors.torch import load_file

    [path] = (run / "model").glob("*.safetensors")
    return load_file(path)


def assert_same_weights(one: Path, other: Path, tolerance: float) -> None:
    """Two runs ended with the same tensors; where a gradient is almost 0, Adam makes much of its last digits."""
    import torch

    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    for name in first:
        assert torch.allclose(first[name], second[name], rtol=0, atol=tolerance), name
