"""What ``mentalglm doctor`` looks at for training alone: compilers, backends, shared memory, room."""

import importlib.util
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

from mentalglm.finding import Finding

_SHARED = Path("/dev/shm")
_SHARED_MIB = 512
# A checkpoint of a 9B model trained in full: bf16 weights, fp32 masters and Adam's two moments.
_LARGE_CHECKPOINT_GB = 132
_ROOM_GB = 2


def training_checks() -> tuple[Callable[[], Iterator[Finding]], ...]:
    """The checks, in the order told; without DeepSpeed there is no training and only the compilers are looked at."""
    if importlib.util.find_spec("deepspeed") is None:
        return (_compilers,)
    return (_compilers, _cuda_compiler, _precision, _backends, _shared_memory, _room)


def _compilers() -> Iterator[Finding]:
    lacking = [name for name in ("g++", "ninja") if shutil.which(name) is None]
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        lacking.append("Python.h (python3-dev)")
    if lacking:
        what = ", ".join(lacking)
        yield Finding(
            "note",
            f"缺少 {what}：仅 DeepSpeed 训练需要；apt-get install g++ python3-dev，pip install ninja 并激活环境",
            f"{what} missing: needed to train with DeepSpeed only; apt-get install g++ python3-dev, pip install ninja "
            "and activate the environment",
        )
    else:
        yield Finding("ok", "编译工具：g++、ninja、Python.h", "compilers: g++, ninja, Python.h")


def _cuda_compiler() -> Iterator[Finding]:
    """DeepSpeed builds its CPU Adam against CUDA where there is a GPU, and refuses another version of it."""
    import torch

    if not torch.cuda.is_available() or torch.version.cuda is None:
        return
    wanted, found = torch.version.cuda, _nvcc_version()
    if found is None:
        zh, en = "没有 nvcc", "no nvcc"
    elif found.split(".")[0] != wanted.split(".")[0]:
        zh = en = f"nvcc {found}"
    else:
        yield Finding("ok", f"nvcc {found}", f"nvcc {found}")
        return
    yield Finding(
        "note",
        f"{zh}：zero2_offload、zero3_offload 需要与 torch 一致的 CUDA {wanted} 工具包；其他训练不需要",
        f"{en}: zero2_offload and zero3_offload need the CUDA {wanted} toolkit, as torch does; nothing else needs it",
    )


def _nvcc_version() -> str | None:
    if shutil.which("nvcc") is None:
        return None
    said = subprocess.run(["nvcc", "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"release (\d+\.\d+)", said)
    return found[1] if found else None


def _precision() -> Iterator[Finding]:
    import torch

    if torch.cuda.is_available() and not torch.cuda.is_bf16_supported(including_emulation=False):
        yield Finding(
            "note",
            "GPU 不支持 bf16：训练请用 dtype=fp32；GLM 用 fp16 会溢出，本项目不提供",
            "the GPU has no bf16: train with dtype=fp32; in fp16 a GLM overflows, so it is not offered",
        )


def _backends() -> Iterator[Finding]:
    import torch
    import torch.distributed as dist

    backend = "nccl" if torch.cuda.is_available() else "gloo"
    there = dist.is_available() and (dist.is_nccl_available() if backend == "nccl" else dist.is_gloo_available())
    if there:
        yield Finding("ok", f"多进程通信：{backend}", f"communication between ranks: {backend}")
    else:
        yield Finding(
            "note",
            f"这个 torch 不含 {backend}：不能多进程训练；请安装官方版本",
            f"this torch lacks {backend}: no training on several ranks; install an official build",
        )
    if shutil.which("numactl") is None:
        yield Finding(
            "ok",
            "没有 numactl：仅 deepspeed --bind_cores_to_rank 需要（apt-get install numactl）",
            "no numactl: only deepspeed --bind_cores_to_rank needs it (apt-get install numactl)",
        )


def _shared_memory() -> Iterator[Finding]:
    if not _SHARED.is_dir():
        return
    mib = shutil.disk_usage(_SHARED).total / 2**20
    if mib < _SHARED_MIB:
        yield Finding(
            "note",
            f"{_SHARED} 只有 {mib:.0f} MiB：多进程训练可能中断；容器请加 --shm-size=8g",
            f"{_SHARED} holds {mib:.0f} MiB only: training on several ranks may break; give a container --shm-size=8g",
        )
    else:
        yield Finding("ok", f"{_SHARED}：{mib / 1024:.1f} GiB", f"{_SHARED}: {mib / 1024:.1f} GiB")


def _room() -> Iterator[Finding]:
    here = Path.cwd()
    free = shutil.disk_usage(here).free / 1e9
    where = f"{free:.0f} GB ({here})"
    if free < _ROOM_GB:
        yield Finding("note", f"写检查点的空间不足：{where}", f"too little room for checkpoints: {where} free")
    elif free < _LARGE_CHECKPOINT_GB:
        zh = f"够 LoRA 用；放不下 9B 全量训练的检查点（每个 {_LARGE_CHECKPOINT_GB} GB）"
        en = f"enough for adapters, not for a checkpoint of a 9B model trained in full ({_LARGE_CHECKPOINT_GB} GB each)"
        yield Finding("ok", f"可写检查点的空间：{where}；{zh}", f"room for checkpoints: {where}; {en}")
    else:
        yield Finding("ok", f"可写检查点的空间：{where}", f"room for checkpoints: {where}")
