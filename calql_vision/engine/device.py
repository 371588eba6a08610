"""Where tensors live, and how many threads compute with them."""

import os

import torch
import torch.distributed as dist


def choose_device(name: str) -> torch.device:
    """`auto` (a GPU if there is one), `cpu` or `cuda`. Raises ValueError for anything else.

    Every rank of a learner has a GPU of its own.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device={name}: choose auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device=cuda: torch finds no GPU here; set device=auto or device=cpu")
    found = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(found if name == "auto" else name)
    if device.type == "cuda" and dist.is_torchelastic_launched():
        _take_own_gpu(int(os.environ["LOCAL_RANK"]))
    return device


def _take_own_gpu(number: int) -> None:
    found = torch.cuda.device_count()
    if number >= found:
        raise ValueError(
            f"rank {number} of this machine has no GPU: torch finds {found}; start as many ranks, "
            "or set device=cpu"
        )
    torch.cuda.set_device(number)


def set_threads(threads: int | None) -> None:
    if threads is not None:
        torch.set_num_threads(threads)
