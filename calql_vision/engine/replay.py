"""Pixels for recorded simulator states: every state is restored and rendered."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Any

import h5py
import numpy as np

from calql_vision.datasets.env_args import dump_env_args, write_command
from calql_vision.datasets.hdf5_layout import DatasetError
from calql_vision.datasets.hdf5_write import make_room, write_dones, write_observations
from calql_vision.datasets.progress import progress
from calql_vision.datasets.whole_file import whole_file
from calql_vision.engine.finished_demos import FinishedDemos
from calql_vision.engine.parallel import map_in_order
from calql_vision.formats.states import Recording, Recordings
from calql_vision.runs.config import RolloutsConfig
from calql_vision.runs.launch import software_versions, typed_command
from calql_vision.types import EnvSpec, PixelEnv


@dataclass(frozen=True)
class Storage:
    """How demos are stored; see `EpisodeWriter`."""

    compression: str | None = None
    next_obs: bool = False
    done_mode: int = 2


@dataclass(frozen=True)
class Replay:
    """One demo, rendered."""

    images: np.ndarray  # uint8 [T+1, V, H, W, 3]
    proprio: np.ndarray  # float32 [T+1, P]
    rewards: np.ndarray  # float32 [T], 1 where the action led into success


def render(
    recordings: Recordings,
    rebuild: Callable[[], PixelEnv],
    finished: FinishedDemos,
    storage: Storage,
    how: RolloutsConfig,
) -> None:
    """Finish all demos that are not, and say how fast it went."""
    names = recordings.names()
    missing, frames, started = finished.missing(names), 0, perf_counter()
    worker = partial(Replayer, recordings, rebuild, finished, storage)
    bar = progress(total=len(names), initial=len(names) - len(missing), desc="convert", unit="demo")
    with bar:
        for rendered in map_in_order(worker, missing, how):
            frames += rendered
            bar.update()
    seconds = perf_counter() - started
    print(f"{frames} observations rendered in {seconds:.1f} s, {frames / seconds:.0f} per second")


def assemble(recordings: Recordings, finished: FinishedDemos, spec: EnvSpec, path: Any) -> None:
    """One file out of all finished demos."""
    total, successes = 0, 0
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        recordings.copy_rest(file)
        for name in recordings.names():
            with h5py.File(finished[name]) as part:
                make_room(file, finished[name].stat().st_size)
                part.copy(name, data)
            total += len(data[name]["actions"])
            successes += bool((data[name]["rewards"][:] > 0).any())
        data.attrs["env_args"] = dump_env_args(spec, software_versions())
        data.attrs["total"] = total
        write_command(data, typed_command())
    if not successes:
        warnings.warn(
            f"{recordings.path}: no demo is successful (no reward is above 0); there is no goal to "
            "learn",
            stacklevel=2,
        )


class Replayer:
    """Renders a demo by its name into its part; the number of observations comes back."""

    def __init__(
        self,
        recordings: Recordings,
        rebuild: Callable[[], PixelEnv],
        finished: FinishedDemos,
        storage: Storage,
    ):
        self._recordings, self._finished, self._storage = recordings, finished, storage
        self._env = rebuild()
        self._env.reset(seed=0)

    def __call__(self, name: str) -> int:
        recording = self._recordings.read(name)
        try:
            self._load(recording)
            replay = self._replay(recording)
        except ValueError as error:
            raise DatasetError(
                f"{self._recordings.path}: {name}: states do not fit the environment: {error}"
            ) from error
        with whole_file(self._finished[name]) as path, h5py.File(path, "w") as file:
            self._make_room(file, recording, replay)
            self._write(name, file.create_group(name), recording, replay)
        return len(replay.images)

    def _load(self, recording: Recording) -> None:
        """Every demo has a model of its own where the environment can load one."""
        if recording.model is None:
            return
        if hasattr(self._env, "load_model"):
            self._env.load_model(recording.model)
        elif recording.model != self._env.model_xml():
            warnings.warn(
                f"{self._recordings.path}: the stored model is not the environment's; "
                "the states may look different from what was recorded",
                stacklevel=2,
            )

    def _replay(self, recording: Recording) -> Replay:
        """As robomimic does it: the observation and the reward of a step are those of the state
        that is stored after it; where none is, the last action is stepped once more."""
        seen, steps = _Seen(), len(recording.actions)
        for state in recording.states:
            seen.add(self._env.set_state(state), self._env.is_success())
        if len(recording.states) == steps:
            observation, _, _, _, info = self._env.step(recording.actions[-1])
            seen.add(observation, info["success"])
        return Replay(
            images=np.stack(seen.images),
            proprio=np.stack(seen.proprio),
            rewards=np.array(seen.success[1:], dtype=np.float32),
        )

    def _make_room(self, file: h5py.File, recording: Recording, replay: Replay) -> None:
        seen = (replay.images.nbytes + replay.proprio.nbytes) * (1 + self._storage.next_obs)
        taken = recording.states.nbytes + recording.actions.nbytes + len(recording.model or "")
        make_room(file, seen + 2 * taken)

    def _write(self, name: str, demo: h5py.Group, recording: Recording, replay: Replay) -> None:
        storage = self._storage
        self._recordings.copy_demo(name, demo)
        if not recording.has_rewards:
            demo["rewards"] = replay.rewards
        write_dones(demo, storage.done_mode)
        write_observations(
            demo,
            self._env.pixel_spec,
            replay.images,
            replay.proprio,
            compression=storage.compression,
            next_obs=storage.next_obs,
        )

    def close(self) -> None:
        self._env.close()


@dataclass
class _Seen:
    """Observations and success in the order in which they were seen."""

    images: list[np.ndarray] = field(default_factory=list)
    proprio: list[np.ndarray] = field(default_factory=list)
    success: list[bool] = field(default_factory=list)

    def add(self, observation: dict[str, np.ndarray], success: bool) -> None:
        self.images.append(observation["images"])
        self.proprio.append(observation["proprio"])
        self.success.append(success)
