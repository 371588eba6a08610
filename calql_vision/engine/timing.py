"""Seconds of several pieces of work, measured side by side."""

from collections.abc import Callable, Mapping
from time import perf_counter

import torch


def alternate(
    works: Mapping[str, Callable[[], object]], repeats: int, device: torch.device | None = None
) -> dict[str, list[float]]:
    """Seconds of every work, `repeats` times each, in turn: a, b, c, a, b, c, ...

    What slows the machine for a while slows all of them, so that their ratios in one turn stand.
    Every work runs once before, uncounted.
    """
    for work in works.values():
        work()
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            found[name].append(_seconds(work, device))
    return found


def _seconds(work: Callable[[], object], device: torch.device | None) -> float:
    _wait(device)
    started = perf_counter()
    work()
    _wait(device)
    return perf_counter() - started


def _wait(device: torch.device | None) -> None:
    if device is not None and device.type == "cuda":
        torch.cuda.synchronize(device)
