"""A file in robomimic's layout that has images already: ours, or any other's."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from calql_vision.datasets.hdf5_arrays import fault, numbers, stored_array, take
from calql_vision.datasets.hdf5_layout import demo_names
from calql_vision.datasets.hdf5_open import open_dataset
from calql_vision.datasets.hdf5_select import Selection, camera_key, find_spec
from calql_vision.formats.raw_episode import Facts, RawEpisode


@dataclass(frozen=True)
class PixelFile:
    """Its demos. Raises DatasetError."""

    path: Path
    selection: Selection

    def facts(self) -> Facts:
        with open_dataset(self.path) as file:
            spec = find_spec(file, demo_names(file), self.selection)
        return Facts(spec.name, spec.kwargs, spec.control_hz, spec.horizon)

    def __len__(self) -> int:
        with open_dataset(self.path) as file:
            return len(demo_names(file))

    def __iter__(self) -> Iterator[RawEpisode]:
        with open_dataset(self.path) as file:
            names = demo_names(file)
            spec = find_spec(file, names, self.selection)
            for name in names:
                demo = file["data"][name]
                images = {
                    camera: _observed(demo, camera_key(demo, camera), 4) for camera in spec.cameras
                }
                rewards = numbers(demo, "rewards", ndim=1)
                yield RawEpisode(
                    name=name,
                    images=images,
                    proprio={key: _observed(demo, key, 2) for key in spec.proprio},
                    actions=numbers(demo, "actions", ndim=2),
                    marks={None: rewards > 0},
                    rewards=rewards,
                )


def _observed(demo: h5py.Group, key: str, ndim: int) -> np.ndarray:
    """[T or T+1, ...], with the observation after the last action where the demo has it."""
    observed = take(demo, stored_array(demo, f"obs/{key}", ndim=ndim), slice(None))
    if "next_obs" not in demo:
        return observed
    following = take(demo, stored_array(demo, f"next_obs/{key}", ndim=ndim), slice(-1, None))
    here, there = (f"{a.dtype} {a.shape[1:]}" for a in (observed, following))
    if (observed.dtype.kind, observed.shape[1:]) != (following.dtype.kind, following.shape[1:]):
        raise fault(demo, f"next_obs/{key}", f"is {there} per step, obs/{key} {here}; repair it")
    return np.concatenate([observed, following])
