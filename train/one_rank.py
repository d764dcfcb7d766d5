"""Work that one rank does for all: the others wait, and learn if it failed."""

from collections.abc import Callable

from mentalglm.errors import UserError


def on_rank_zero(work: Callable[[], None]) -> None:
    """Runs ``work`` on rank 0 while the others wait; every rank calls it.

    Raises:
        UserError: ``work`` raised it; on the other ranks one that only says so, since rank 0 alone prints.
    """
    import torch
    import torch.distributed as dist

    if not dist.is_initialized() or dist.get_world_size() == 1:
        work()
        return
    from deepspeed.accelerator import get_accelerator

    failed = torch.zeros(1, dtype=torch.int32, device=get_accelerator().current_device_name())
    try:
        if dist.get_rank() == 0:
            failed += 1
            work()
            failed -= 1
    finally:
        dist.broadcast(failed, src=0)
    if failed.item() and dist.get_rank() != 0:
        raise UserError("rank 0 could not go on; see what it says")
