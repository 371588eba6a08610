"""Episodes out of any file in robomimic's layout; see `calql_vision.datasets.hdf5`."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np
import torch
from torch.nn.functional import interpolate

from calql_vision.datasets.hdf5_arrays import fault, finite, member, numbers, stored_array, take
from calql_vision.datasets.hdf5_layout import demo_names
from calql_vision.datasets.hdf5_open import open_dataset
from calql_vision.datasets.hdf5_select import EVERYTHING, Selection, camera_key, find_spec
from calql_vision.datasets.names import clause
from calql_vision.datasets.part import ALL, Part
from calql_vision.types import EnvSpec, Episode

#: Rounding that an action may have beyond [-1, 1].
_ACTION_TOLERANCE = 1e-5


def read_spec(path: str | Path, selection: Selection = EVERYTHING) -> EnvSpec:
    """The environment as the file describes it.

    Cameras, widths and sizes come from the first demo. Where env_args is silent, horizon is the
    longest demo and control_hz is 0. Raises DatasetError.
    """
    with open_dataset(path) as file:
        return find_spec(file, demo_names(file, selection.filter_key), selection)


def read_episodes(path: str | Path, selection: Selection = EVERYTHING) -> Iterator[Episode]:
    """The demos by number, one in memory at a time, each cut at its first success.

    A demo without any usable transition is left out with a warning; states and model stay in the
    file. Raises DatasetError when it gets there.
    """
    for _, episode in read_named_episodes(path, selection):
        yield episode


def read_named_episodes(
    path: str | Path, selection: Selection = EVERYTHING
) -> Iterator[tuple[str, Episode]]:
    """`read_episodes` with the demos' names."""
    with open_dataset(path) as file:
        names = demo_names(file, selection.filter_key)
        spec, number = find_spec(file, names, selection), 0
        blind = replace(spec, cameras=())
        for name in names:
            episode = _read_demo(file["data"][name], spec if number in selection.part else blind)
            if episode is None:
                warnings.warn(f"{path}: {name} is left out: no usable transition", stacklevel=2)
            else:
                number += 1
                yield name, episode


def count_frames(path: str | Path, *, filter_key: str | None = None, part: Part = ALL) -> int:
    """Observations of all episodes of `read_episodes` with images; reads no pixels."""
    with open_dataset(path) as file:
        demos = [file["data"][name] for name in demo_names(file, filter_key)]
        cuts = [_cut(numbers(demo, "rewards", ndim=1), "next_obs" in demo) for demo in demos]
    usable = [cut.length + 1 for cut in cuts if cut.length > 0]
    return int(part.rows(np.array(usable, dtype=np.int64)).sum())


@dataclass(frozen=True)
class _Cut:
    """How much of a demo becomes an episode, and where its last observation comes from."""

    stored: int  # steps of the demo
    length: int  # transitions of the episode
    success: bool
    last: str  # "obs": stored one step later; "next_obs"; "repeat": none, after a success


def _cut(rewards: np.ndarray, has_next_obs: bool) -> _Cut:
    """Cut at the first success.

    Without a last observation a success repeats its own, whose value nobody asks for, and an
    unfinished episode loses its last transition.
    """
    stored = len(rewards)
    hits = np.flatnonzero(rewards > 0)
    success = len(hits) > 0
    length = int(hits[0]) + 1 if success else stored
    if length < stored:
        return _Cut(stored, length, success, "obs")
    if has_next_obs:
        return _Cut(stored, length, success, "next_obs")
    if success:
        return _Cut(stored, length, success, "repeat")
    return _Cut(stored, max(length - 1, 0), success, "obs")


def _read_demo(demo: h5py.Group, spec: EnvSpec) -> Episode | None:
    """The demo as an episode; None if no transition of it has both its observations."""
    actions = _actions(demo, spec.action_dim)
    rewards = numbers(demo, "rewards", ndim=1, length=len(actions))
    member(demo, "obs", h5py.Group)
    cut = _cut(rewards, "next_obs" in demo)
    if cut.length == 0:
        return None
    return Episode(
        images=_images(demo, spec, cut),
        proprio=_proprio(demo, spec, cut),
        actions=actions[: cut.length],
        rewards=rewards[: cut.length],
        success=cut.success,
    )


def _actions(demo: h5py.Group, width: int) -> np.ndarray:
    actions = numbers(demo, "actions", ndim=2)
    stated = demo.attrs.get("num_samples", len(actions))
    if not np.array_equal(stated, len(actions)):
        raise fault(
            demo,
            "num_samples",
            f"is {clause(stated)} but actions has {len(actions)} steps; repair it",
        )
    if actions.shape[1] != width:
        raise fault(
            demo,
            "actions",
            f"has width {actions.shape[1]}, the first demo's {width}; do not mix robots",
        )
    largest = np.abs(actions).max(initial=0)
    if largest > 1 + _ACTION_TOLERANCE:
        raise fault(demo, "actions", f"reaches {largest:g}, outside [-1, 1]; rescale the actions")
    return actions.clip(-1, 1)


def _images(demo: h5py.Group, spec: EnvSpec, cut: _Cut) -> np.ndarray:
    """All cameras, uint8 [cut.length + 1, V, H, W, 3]."""
    images = np.empty((cut.length + 1, len(spec.cameras), *spec.image_size, 3), dtype=np.uint8)
    for view, camera in enumerate(spec.cameras):
        images[:, view] = _view(demo, camera, spec, cut)
    return images


def _view(demo: h5py.Group, camera: str, spec: EnvSpec, cut: _Cut) -> np.ndarray:
    """One camera, uint8 [cut.length + 1, H, W, 3]."""
    key = camera_key(demo, camera)
    frames = stored_array(demo, f"obs/{key}", ndim=4, length=cut.stored)
    if frames.dtype.kind == "f":
        raise fault(
            demo, f"obs/{key}", "holds floats, not bytes in 0..255; multiply by 255, store as uint8"
        )
    if frames.dtype != np.uint8 or frames.shape[-1] != 3:
        raise fault(
            demo,
            f"obs/{key}",
            f"is {frames.dtype} {frames.shape}, not uint8 [T, H, W, 3]; store it again",
        )
    return resized(_observations(demo, key, frames, cut), spec.image_size)


def resized(frames: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """uint8 [T, H, W, 3] at another (height, width), bilinear with antialiasing."""
    if frames.shape[1:3] == size:
        return frames
    # What torchvision's resize does inside; importing torchvision takes as long as torch itself.
    channels_first = torch.from_numpy(frames).permute(0, 3, 1, 2)
    resized = interpolate(channels_first, size, mode="bilinear", antialias=True)
    return resized.permute(0, 2, 3, 1).contiguous().numpy()


def _proprio(demo: h5py.Group, spec: EnvSpec, cut: _Cut) -> np.ndarray:
    """All proprioception side by side, float32 [cut.length + 1, P]."""
    parts = [np.zeros((cut.length + 1, 0), dtype=np.float32)]
    for key, width in spec.proprio.items():
        dataset = stored_array(demo, f"obs/{key}", ndim=2, length=cut.stored)
        if dataset.shape[1] != width:
            raise fault(
                demo,
                f"obs/{key}",
                f"has width {dataset.shape[1]}, the first demo's {width}; do not mix robots",
            )
        parts.append(finite(demo, f"obs/{key}", _observations(demo, key, dataset, cut)))
    return np.concatenate(parts, axis=1)


def _observations(demo: h5py.Group, key: str, stored: h5py.Dataset, cut: _Cut) -> np.ndarray:
    """One kind of observation, [cut.length + 1, ...]."""
    observed = take(demo, stored, slice(0, cut.length + 1))
    if cut.last == "obs":
        return observed
    if cut.last == "repeat":
        return np.concatenate([observed, observed[-1:]])
    following = stored_array(demo, f"next_obs/{key}", ndim=stored.ndim, length=cut.stored)
    if following.shape != stored.shape or following.dtype != stored.dtype:
        raise fault(demo, f"next_obs/{key}", f"is not {stored.dtype} {stored.shape} like obs")
    last = take(demo, following, slice(cut.length - 1, cut.length))
    return np.concatenate([observed, last])
