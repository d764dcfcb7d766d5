"""How much of a device's arithmetic training uses: ``python -m tests.bench.train_mfu [--device cuda]``.

``train/run.py`` on a GLM of GLM-4-9B's true shape with random weights in bf16, LoRA r 8 on all linear layers, packs of
2,048 tokens of the open corpus, gradient checkpointing. MFU is model FLOPs (``train/flops.py``: the projection onto the
vocabulary over scored tokens alone, checkpointing's second forward pass not counted) per second, divided by what a
matrix product reaches on this very device, measured first, and by the data sheet's figure where it is known.

The random model is written to disk first, as the command reads one: 19 GB for GLM-4-9B. Without a GPU, ``--shape tiny
--device cpu`` runs the same path in fp32.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.bench.small_glm import open_rows, small_glm, write_rows
from tests.bench.train_speed import ROOT, environment
from tests.bench.trainers.watch import Job

SEQ_LENGTH = 2048
SHORT_ROW = 60  # tokens; the corpus' rows have 125 on average, and the last pack of all is seldom full
# GLM-4-9B: zai-org/glm-4-9b-chat-hf, config.json.
SHAPES: dict[str, dict[str, int]] = {
    "glm-4-9b": {
        "vocab_size": 151_552,
        "hidden_size": 4096,
        "num_hidden_layers": 40,
        "num_attention_heads": 32,
        "num_key_value_heads": 2,
        "head_dim": 128,
        "intermediate_size": 13_696,
    },
    "tiny": {"vocab_size": 8_000},
}


def main() -> None:
    """Measures what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shape", choices=SHAPES, default="glm-4-9b")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--packs", type=int, default=4, help=f"in a step, of {SEQ_LENGTH} tokens")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--warm-up", type=int, default=3, help="steps left out of the time")
    parser.add_argument("--no-checkpointing", action="store_true", help="keep all activations")
    parser.add_argument("--attention", help="attn_implementation, by default the model's own choice")
    parser.add_argument("--work", type=Path, help="a folder with room for the model")
    asked = parser.parse_args()
    dtype = "bf16" if asked.device == "cuda" else "fp32"
    peak = matmul_peak(asked.device, dtype)
    print(f"{asked.shape}, {dtype}: a matrix product reaches {peak / 1e12:.3g} TFLOP/s on this device", flush=True)
    with tempfile.TemporaryDirectory(dir=asked.work) as scratch:
        work = Path(scratch)
        model = small_glm(work / "model", device=asked.device, dtype=dtype, **SHAPES[asked.shape])  # type: ignore[arg-type]
        free_device_memory()
        wanted = asked.steps * asked.packs * SEQ_LENGTH // SHORT_ROW
        data = write_rows(work / "rows", open_rows(work)[:wanted])
        settings = {"dtype": dtype, "max_steps": asked.steps, "attn_implementation": asked.attention}
        variant = [] if asked.no_checkpointing else ["checkpointing"]
        extra = {"settings": settings}
        job = Job(str(model), str(data), str(work), SEQ_LENGTH, asked.packs, 0, 1, True, 1e-4, 1, variant, extra)
        steps, memory = run(job, asked.device, work)
    report(steps[asked.warm_up - 1 :], memory, peak, asked.device)


def run(job: Job, device: str, work: Path) -> tuple[list[dict[str, float]], float]:
    """Trains in a process of its own; returns its steps, and the most memory the device held, in GiB."""
    path = replace(job).write(work / "job.json")
    everywhere = environment(os.cpu_count() or 1, work)
    if device == "cuda":
        everywhere = {k: v for k, v in everywhere.items() if k not in ("CUDA_VISIBLE_DEVICES", "DS_ACCELERATOR")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.trainers.ours", str(path)],
        cwd=ROOT,
        env=everywhere,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"training failed:\n{done.stderr[-3000:]}")
    log = (work / "run" / "log.jsonl").read_text("utf-8").splitlines()
    return json.loads((work / "seen.json").read_text("utf-8"))["steps"], json.loads(log[-1])["memory_gib"]


def report(steps: list[dict[str, float]], memory: float, peak: float, device: str) -> None:
    """Prints the rates; the first of ``steps`` is where the clock starts."""
    from train.flops import peak_flops

    seconds = steps[-1]["wall"] - steps[0]["wall"]
    tokens, flops = (sum(step[what] for step in steps[1:]) for what in ("tokens", "flops"))
    rate = flops / seconds
    print(
        f"{tokens / seconds:,.0f} tokens/s, {seconds / len(steps[1:]):.3f} s a step of {tokens / len(steps[1:]):,.0f}"
    )
    print(f"{rate / 1e12:.3g} TFLOP/s of the model: MFU {rate / peak:.1%} of the measured matrix product", end="")
    stated = peak_flops(device)
    print(f", {rate / stated:.1%} of the data sheet's" if stated else "")
    print(f"peak memory {memory:.2f} GiB")


def matmul_peak(device: str, dtype: str) -> float:
    """FLOP/s of the best of several matrix products, large enough to fill the device."""
    import torch

    best = 0.0
    for size in (4096, 8192, 16_384) if device == "cuda" else (1024, 2048):
        kind = torch.bfloat16 if dtype == "bf16" else torch.float32
        a, b = (torch.randn(size, size, device=device, dtype=kind) for _ in range(2))
        for _ in range(3):
            a @ b
        for _ in range(5):
            best = max(best, 2 * size**3 / _seconds(lambda a=a, b=b: a @ b, device))
    return best


def free_device_memory() -> None:
    """Gives back what this process needed for the product and the drawing, before another one trains."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _seconds(work: Any, device: str) -> float:
    import torch

    began = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
