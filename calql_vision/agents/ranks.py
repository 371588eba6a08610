"""Several processes that are one learner, as torchrun starts them: the ranks.

All of them hold the same weights. Each computes the gradients of its own share of a batch, with
random numbers of its own; the sum moves the weights, so that they stay the same everywhere.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

Found = TypeVar("Found")


def rank() -> int:
    """Which of them this process is; 0 where it is alone."""
    return dist.get_rank() if _several() else 0


def ranks() -> int:
    """How many there are."""
    return dist.get_world_size() if _several() else 1


def _several() -> bool:
    return dist.is_available() and dist.is_initialized()


def rank_seed(seed: int, rank: int) -> int:
    """The seed of a rank's own random numbers; that of rank 0 is `seed`."""
    return seed if rank == 0 else int(np.random.SeedSequence((seed, rank)).generate_state(1)[0])


@torch.no_grad()
def sum_over_ranks(tensors: Sequence[Tensor], share: float = 1.0) -> None:
    """Every tensor becomes the sum of share x tensor over the ranks, in one all-reduce of them all.

    Where a tensor is the mean over a rank's rows, and `share` says how much of the batch these
    are, that is the mean over the batch. One rank alone leaves the tensors as they are.
    """
    if ranks() == 1:
        return
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors]) * share
    dist.all_reduce(flat)
    parts = flat.split([tensor.numel() for tensor in tensors])
    torch._foreach_copy_(
        list(tensors), [part.view_as(t) for part, t in zip(parts, tensors, strict=True)]
    )


def made_by_rank_0(make: Callable[[], Found]) -> Found:
    """What `make` returns on rank 0, for all of them."""
    box: list[Any] = [make() if rank() == 0 else None]
    if ranks() > 1:
        dist.broadcast_object_list(box)
    return box[0]


def from_all_ranks(thing: Found) -> list[Found]:
    """What each of them has, in their order, for all of them."""
    if ranks() == 1:
        return [thing]
    found: list[Any] = [None] * ranks()
    dist.all_gather_object(found, thing)
    return found


def wait_for_all_ranks() -> None:
    if ranks() > 1:
        dist.barrier()
