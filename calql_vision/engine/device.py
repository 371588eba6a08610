"""Where tensors live, and how many threads compute with them."""

import torch


def choose_device(name: str) -> torch.device:
    """`auto` (a GPU if there is one), `cpu` or `cuda`. Raises ValueError for anything else."""
    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device={name}: choose auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device=cuda: torch finds no GPU here; set device=auto or device=cpu")
    found = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(found if name == "auto" else name)


def set_threads(threads: int | None) -> None:
    if threads is not None:
        torch.set_num_threads(threads)
