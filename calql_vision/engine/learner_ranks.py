"""Joins the ranks of a learner, where torchrun has started several of them."""

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import timedelta

import torch
import torch.distributed as dist

from calql_vision.agents.ranks import rank, ranks, wait_for_all_ranks
from calql_vision.datasets.part import Part

#: Ranks wait for each other while rank 0 evaluates, however slow the simulator is.
_PATIENCE = timedelta(days=1)


@contextmanager
def learner_ranks() -> Iterator[None]:
    """Within this block the processes of torchrun are one learner, of which rank 0 alone speaks.

    Without torchrun nothing happens.
    """
    if dist.is_torchelastic_launched() and not dist.is_initialized():
        # Objects go between CPUs, tensors from where they are.
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        dist.init_process_group(backend, timeout=_PATIENCE)
        atexit.register(dist.destroy_process_group)  # a second group would not find the others
    with _silence_of_others():
        yield


@contextmanager
def _silence_of_others() -> Iterator[None]:
    if rank() == 0:
        yield
        return
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


def this_part() -> Part:
    """The rows of every batch that this rank draws."""
    return Part(rank(), ranks())


@contextmanager
def rank_0_first() -> Iterator[None]:
    """Rank 0 runs this block before the others: what it writes, they find."""
    if rank() > 0:
        wait_for_all_ranks()
    yield
    if rank() == 0:
        wait_for_all_ranks()
