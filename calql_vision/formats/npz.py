"""A folder of `.npz` files, one per episode: the layout for data that has no other home.

    <camera>_image   uint8 [T+1, H, W, 3], upright; one key per camera
    images           or all cameras at once: uint8 [T+1, V, H, W, 3], called camera0, camera1, ...
    actions          [T, A] in [-1, 1]
    success          bool, whether the last action succeeded; or bool [T], per action
    rewards          or [T], > 0 on success
    <anything else>  [T+1, n], proprioception under that name

Observations may be T instead of T+1, without the one after the last action. Files are taken in
the order of the numbers in their names.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calql_vision.datasets.hdf5_layout import IMAGE_SUFFIX, DatasetError, listing
from calql_vision.datasets.names import in_order
from calql_vision.formats.npz_archive import read_npz
from calql_vision.formats.raw_episode import Facts, RawEpisode, positive

_RESERVED = ("images", "actions", "rewards", "success")


def is_npz_folder(path: Path) -> bool:
    """Whether a folder holds `.npz` files."""
    return any(path.glob("*.npz"))


@dataclass(frozen=True)
class NpzFolder:
    """The episodes of a folder. Raises DatasetError."""

    path: Path

    def facts(self) -> Facts:
        return Facts(
            env=None,
            env_kwargs={},
            control_hz=0.0,
            horizon=max(len(_actions(path)) for path in self._files()),
        )

    def __len__(self) -> int:
        return len(self._files())

    def __iter__(self) -> Iterator[RawEpisode]:
        for path in self._files():
            _actions(path)
            yield _episode(path.name, read_npz(path))

    def _files(self) -> list[Path]:
        return [self.path / name for name in in_order(p.name for p in self.path.glob("*.npz"))]


def _actions(path: Path) -> np.ndarray:
    arrays = read_npz(path, only=["actions"])
    if "actions" not in arrays:
        raise DatasetError(f"{path}: no 'actions'; there are {listing(read_npz(path))}")
    if arrays["actions"].ndim != 2:
        shape = arrays["actions"].shape
        raise DatasetError(f"{path}: actions has shape {shape}, not [T, A]; write it again")
    return arrays["actions"]


def _episode(name: str, arrays: dict[str, np.ndarray]) -> RawEpisode:
    images = {
        key.removesuffix(IMAGE_SUFFIX): array
        for key, array in arrays.items()
        if key.endswith(IMAGE_SUFFIX)
    }
    if "images" in arrays:
        if arrays["images"].ndim != 5:
            shape = arrays["images"].shape
            raise DatasetError(f"{name}: images has shape {shape}, not [T, V, H, W, 3]")
        views = np.moveaxis(arrays["images"], 1, 0)
        images |= {f"camera{view}": frames for view, frames in enumerate(views)}
    return RawEpisode(
        name=name,
        images=images,
        proprio={
            key: array
            for key, array in arrays.items()
            if key not in _RESERVED and not key.endswith(IMAGE_SUFFIX)
        },
        actions=arrays["actions"],
        marks=_marks(name, arrays),
        rewards=arrays.get("rewards"),
    )


def _marks(name: str, arrays: dict[str, np.ndarray]) -> dict[str | None, np.ndarray]:
    steps = len(arrays["actions"])
    if "success" in arrays:
        success = positive(f"{name}: success", arrays["success"])
        at_last = np.arange(steps) == steps - 1
        return {None: success if success.ndim else at_last & success}
    return {None: positive(f"{name}: rewards", arrays["rewards"])} if "rewards" in arrays else {}
