"""Episodes into a file of robomimic's layout; see `calql_vision.datasets.hdf5`."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np

from calql_vision.datasets.disk_space import take_space
from calql_vision.datasets.env_args import dump_env_args, write_command
from calql_vision.datasets.hdf5_layout import IMAGE_SUFFIX, DatasetError
from calql_vision.datasets.whole_file import whole_file
from calql_vision.types import EnvSpec, Episode

#: Where `dones` is 1. The demo's group is the boundary for us; robomimic's tools read `dones`.
DONE_MODES = {0: "in success", 1: "last step", 2: "both"}
#: Share of the demos that `mask/valid` lists, drawn once and for all by their number.
VALID_SHARE = 0.1
_SPLIT_SEED = 0
_MARGIN = 2**18  # bytes of a file's own headers
_NAME_BYTES = 32  # of a demo in the lists of filter keys


class EpisodeWriter:
    """Streams episodes to `path`, which appears whole when the block ends well, or not at all.

    spec describes the environment that the episodes come from; versions (name -> version) goes
    into env_version; compression is None or "gzip"; next_obs also stores every observation one
    step later, without which the last observation of an episode is lost; done_mode: `DONE_MODES`;
    command: the command line that makes the file.
    Raises DatasetError for a done_mode or compression that does not exist, for an episode whose
    success the layout cannot express, and if there was no episode at all.
    """

    def __init__(
        self,
        path: str | Path,
        spec: EnvSpec,
        *,
        versions: dict[str, str],
        compression: str | None = None,
        next_obs: bool = False,
        done_mode: int = 2,
        command: str | None = None,
    ):
        check_storage(compression, done_mode)
        self._path, self._spec, self._versions = Path(path), spec, versions
        self._compression, self._next_obs = compression, next_obs
        self._done_mode, self._command = done_mode, command
        self._lengths: list[int] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            partial = stack.enter_context(whole_file(self._path))
            file = stack.enter_context(h5py.File(partial, "w"))
            make_room(file, 0)
            self._data = file.create_group("data")
            self._data.attrs["env_args"] = dump_env_args(self._spec, self._versions)
            write_command(self._data, self._command)
            stack.push(self._finish)
            self._exits = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> bool | None:
        return self._exits.__exit__(*error)

    def append(self, episode: Episode) -> None:
        """Store one episode as the next demo."""
        self._check(episode)
        make_room(self._data.file, _bytes(episode) * (1 + self._next_obs))
        demo = self._data.create_group(f"demo_{len(self._lengths)}")
        demo["actions"] = episode.actions
        demo["rewards"] = episode.rewards
        if episode.states is not None:
            demo["states"] = episode.states[: len(episode)]
        if episode.model is not None:
            demo.attrs["model_file"] = episode.model
        write_dones(demo, self._done_mode)
        write_observations(
            demo,
            self._spec,
            episode.images,
            episode.proprio,
            compression=self._compression,
            next_obs=self._next_obs,
        )
        self._lengths.append(len(episode))

    def _check(self, episode: Episode) -> None:
        in_success = episode.rewards > 0
        if in_success[:-1].any() or in_success[-1] != episode.success:
            raise DatasetError(
                f"{self._path}: demo_{len(self._lengths)} cannot be stored: in robomimic's "
                "layout success is a reward > 0; give rewards that are 1 at success, else <= 0"
            )

    def _finish(self, kind: type[BaseException] | None, *error: Any) -> None:
        if kind is not None:
            return
        if not self._lengths:
            raise DatasetError(f"{self._path}: no episode was appended, so no file is written")
        make_room(self._data.file, _NAME_BYTES * len(self._lengths))
        self._data.attrs["total"] = sum(self._lengths)
        write_split(self._data.file, len(self._lengths))


def make_room(file: h5py.File, size: int) -> None:
    """Have room for `size` bytes more of arrays, and for what HDF5 stores beside them.

    Raises OSError where there is none. HDF5 itself would crash on the way out.
    """
    take_space(Path(file.filename), file.id.get_filesize(), size + size // 8 + _MARGIN)


def _bytes(episode: Episode) -> int:
    model = len(episode.model or "")
    return model + sum(a.nbytes for a in vars(episode).values() if isinstance(a, np.ndarray))


def write_split(file: h5py.File, demos: int) -> None:
    """`mask/train` and `mask/valid` of demo_0 to demo_<demos - 1>."""
    valid = _valid_demos(demos)
    _write_mask(file, "train", ~valid)
    _write_mask(file, "valid", valid)


def check_storage(compression: str | None, done_mode: int) -> None:
    """DatasetError, with the valid ones, for a compression or a done_mode that does not exist."""
    if compression not in (None, "gzip"):
        raise DatasetError(f"compression={compression!r} does not exist; choose null or gzip")
    if done_mode not in DONE_MODES:
        choices = ", ".join(f"{mode} ({meaning})" for mode, meaning in DONE_MODES.items())
        raise DatasetError(f"done_mode={done_mode} does not exist; choose {choices}")


def write_dones(demo: h5py.Group, done_mode: int) -> None:
    """`dones`, by `DONE_MODES`, and `num_samples` beside the demo's rewards."""
    rewards = demo["rewards"][:]
    demo["dones"] = dones(rewards, done_mode)
    demo.attrs["num_samples"] = len(rewards)


def dones(rewards: np.ndarray, done_mode: int) -> np.ndarray:
    """robomimic's done signal, int64 [T], by `DONE_MODES`."""
    in_success = rewards > 0
    last = np.arange(len(rewards)) == len(rewards) - 1
    return np.array((in_success, last, in_success | last)[done_mode], dtype=np.int64)


def write_observations(
    demo: h5py.Group,
    spec: EnvSpec,
    images: np.ndarray,
    proprio: np.ndarray,
    *,
    compression: str | None,
    next_obs: bool,
) -> None:
    """The T+1 observations around the demo's T actions, as `obs` and, if asked, `next_obs`.

    images uint8 [T+1, V, H, W, 3], proprio float32 [T+1, P]; both split by the names of `spec`.
    """
    steps = len(demo["actions"])
    assert images.shape == (steps + 1, len(spec.cameras), *spec.image_size, 3)
    assert proprio.shape == (steps + 1, spec.proprio_dim)
    _write_group(demo.create_group("obs"), spec, images[:-1], proprio[:-1], compression)
    if next_obs:
        _write_group(demo.create_group("next_obs"), spec, images[1:], proprio[1:], compression)


def _write_group(
    group: h5py.Group,
    spec: EnvSpec,
    images: np.ndarray,
    proprio: np.ndarray,
    compression: str | None,
) -> None:
    for view, camera in enumerate(spec.cameras):
        frames = images[:, view]
        # Raw frames lie contiguously, which reads any frame directly; packed ones need chunks,
        # and one frame per chunk lets a random frame be unpacked alone.
        chunks = (1, *frames.shape[1:]) if compression else None
        group.create_dataset(
            camera + IMAGE_SUFFIX, data=frames, chunks=chunks, compression=compression
        )
    ends = np.cumsum(list(spec.proprio.values()), dtype=int)
    for name, end, width in zip(spec.proprio, ends, spec.proprio.values(), strict=True):
        group[name] = proprio[:, end - width : end]


def _valid_demos(demos: int) -> np.ndarray:
    """Which demos are for validation, bool [demos]: about a tenth, the same for the same number."""
    valid = np.zeros(demos, dtype=bool)
    number = max(round(VALID_SHARE * demos), int(demos > 1))
    valid[np.random.default_rng(_SPLIT_SEED).permutation(demos)[:number]] = True
    return valid


def _write_mask(file: h5py.File, filter_key: str, listed: np.ndarray) -> None:
    names = [f"demo_{number}" for number in np.flatnonzero(listed)]
    file[f"mask/{filter_key}"] = np.array(names, dtype="S")
