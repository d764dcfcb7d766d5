"""The processes of a run: how they find each other, and how they agree to stop."""

import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from mentalglm.errors import UserError


def start_ranks() -> tuple[int, int]:
    """Joins the launcher's ranks; without a launcher, this process is the only one.

    Returns:
        Rank and world size.

    Raises:
        UserError: The ranks can't be joined, most often for want of a compiler; what to install is named.
    """
    import deepspeed
    import torch.distributed as dist
    from deepspeed.accelerator import get_accelerator

    alone = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": _free_port()}
    for key, value in alone.items():
        os.environ.setdefault(key, value)
    # DeepSpeed builds its extensions with the ninja it finds in PATH: this environment's, activated or not. Another
    # one, of another version, would build them anew at every change from one to the other.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    accelerator = get_accelerator()
    try:
        if accelerator.device_name() != "cpu":
            accelerator.set_device(int(os.environ["LOCAL_RANK"]))
        deepspeed.init_distributed(dist_backend=accelerator.communication_backend_name(), verbose=False)
    except Exception as error:  # whatever a compiler, a linker or a socket may say
        raise UserError(join_advice(error)) from None
    dist.barrier()
    _forget_shared_memory(dist.get_rank())
    return dist.get_rank(), dist.get_world_size()


def join_advice(error: Exception) -> str:
    """One line on why ranks could not be joined, or an extension not be built, and what to install."""
    said = " ".join(str(error).split()) or type(error).__name__
    low = said.lower()
    if "ninja" in low:
        return "DeepSpeed builds an extension and finds no ninja; pip install ninja and activate the environment"
    if any(word in low for word in ("g++", "c++", "compiler", "building extension", "python.h", "cc1plus")):
        return (
            "DeepSpeed builds an extension and finds no working C++ compiler or Python headers; "
            f"apt-get install g++ python3-dev ({said[:200]})"
        )
    if "numa" in low:
        return f"DeepSpeed finds no libnuma; apt-get install numactl libnuma-dev ({said[:200]})"
    if "address already in use" in low:
        return f"MASTER_PORT {os.environ.get('MASTER_PORT')} is in use; give the launcher another --master_port"
    if "gloo" in low or "mpi" in low or "ccl" in low:
        return f"the ranks cannot be joined: this torch lacks the backend, or the network refuses it ({said[:200]})"
    return f"the ranks cannot be joined ({said[:300]}); mentalglm doctor checks what is missing"


class StopSignal:
    """Whether this rank was asked to stop: by SIGTERM or Ctrl-C, or because the launcher that would tell it is gone.

    A launcher signals its ranks one by one, so no rank may stop by itself: each says what it knows at the next step,
    and all stop together. A second Ctrl-C interrupts at once.
    """

    def __init__(self) -> None:
        self._asked = False
        self._ancestors = _ancestors()
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)

    def _ask(self, *_: Any) -> None:
        self._asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    @property
    def asked(self) -> bool:
        """True from the first sign on."""
        return self._asked or _ancestors() != self._ancestors


def _ancestors() -> tuple[int, int] | None:
    """Of a rank that a launcher started, the launcher's two processes: ``launch.py`` and the ``deepspeed`` above it."""
    import psutil  # type: ignore[import-untyped]

    if "LOCAL_SIZE" not in os.environ:  # which the launcher sets; without one, the shell may go and the run stay
        return None
    parent = os.getppid()
    try:
        return parent, psutil.Process(parent).ppid()
    except psutil.Error:
        return 0, 0


def _forget_shared_memory(rank: int) -> None:
    """Takes the name off the buffer through which this rank's sums go on a CPU, once all ranks have it open.

    DeepSpeed never does, and every run would leave 66 MiB of memory a rank behind until the machine is started anew.
    """
    address, port = os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"]
    for path in Path("/dev/shm").glob(f"deepspeed_allreduce_buffer_*_{address}_{port}_{rank}"):
        path.unlink(missing_ok=True)


def _free_port() -> str:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return str(server.getsockname()[1])
