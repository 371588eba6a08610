"""What a source of images offers: its episodes as they are, and what it says of itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from calql_vision.datasets.hdf5_layout import DatasetError


@dataclass(frozen=True)
class RawEpisode:
    """An episode as its source has it; its observations are T, or T+1 with the last one."""

    name: str  # for errors
    images: dict[str, np.ndarray]  # camera -> uint8 [T or T+1, H, W, 3], upright
    proprio: dict[str, np.ndarray]  # name -> [T or T+1, n]
    actions: np.ndarray  # [T, A]
    marks: dict[str | None, np.ndarray]  # rule -> bool [T], for the rules that the source serves
    rewards: np.ndarray | None = None  # [T]; serves the rule `reward`


@dataclass(frozen=True)
class Facts:
    """What a source says of its environment, 0 or None where it is silent."""

    env: str | None  # "family/task"
    env_kwargs: dict[str, Any]
    control_hz: float
    horizon: int  # steps; the longest episode where the source is silent
    action_range: tuple[np.ndarray, np.ndarray] | None = None  # least and greatest, [A] each
    range_is_declared: bool = False  # by the environment; else it was found in the data


class PixelSource(Protocol):
    """Episodes of another project."""

    @property
    def path(self) -> Path: ...

    def facts(self) -> Facts: ...

    def __len__(self) -> int:
        """Number of episodes."""

    def __iter__(self) -> Iterator[RawEpisode]: ...


def positive(place: str, values: np.ndarray) -> np.ndarray:
    """Where finite numbers are above 0, bool. Raises DatasetError, which begins with `place`."""
    if values.dtype.kind not in "fiub" or not np.isfinite(values).all():
        raise DatasetError(f"{place} holds NaN, infinities or no numbers; drop or repair it")
    return values > 0
