"""A Minari dataset by its local path, read by minari itself.

Every uint8 [H, W, 3] in the observations is a camera, every vector of floats proprioception; a
key of a nested observation is joined with `_`. Minari packs images as JPEG: they are what its
reader gives, not what the simulator drew. Success is `infos/success` where it was recorded.
Source: https://minari.farama.org/content/dataset_standards/
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from calql_vision.datasets.hdf5_layout import DatasetError
from calql_vision.formats.minari_check import (
    LABEL,
    check_minari,
    check_pictures,
    most_pixels,
    reading,
)
from calql_vision.formats.raw_episode import Facts, RawEpisode


def is_minari(path: Path) -> bool:
    """Whether a folder is a dataset of Minari, or its `data` folder."""
    return (path / LABEL).is_file() or (path / "data" / LABEL).is_file()


@dataclass(frozen=True)
class MinariFolder:
    """The episodes of a dataset. Raises DatasetError."""

    path: Path

    def facts(self) -> Facts:
        dataset = self._dataset()
        env_spec = dataset.env_spec
        return Facts(
            env=env_spec and f"gym/{env_spec.id}",
            env_kwargs={},
            control_hz=0.0,
            horizon=self._horizon(dataset),
            action_range=_action_range(self.path, dataset.action_space),
            range_is_declared=True,
        )

    def __len__(self) -> int:
        return len(self._dataset())

    def __iter__(self) -> Iterator[RawEpisode]:
        for episode in self._episodes(self._dataset()):
            observed = dict(_leaves(episode.observations))
            yield RawEpisode(
                name=f"episode_{episode.id}",
                images=dict(_cameras(observed)),
                proprio={k: v for k, v in observed.items() if v.ndim == 2 and v.dtype.kind == "f"},
                actions=episode.actions,
                marks=_marks(episode),
                rewards=episode.rewards,
            )

    def _horizon(self, dataset: Any) -> int:
        """The environment's limit, or the longest episode."""
        env_spec, storage = dataset.env_spec, dataset.storage
        with reading(self._data, 0):
            stated = storage.get_episode_metadata(dataset.episode_indices)
            longest = max((int(episode["total_steps"]) for episode in stated), default=0)
            return int((env_spec and env_spec.max_episode_steps) or longest)

    def _episodes(self, dataset: Any) -> Iterator[Any]:
        space = dataset.observation_space
        with reading(self._data, 0):
            check_pictures(self._data, space)
            episodes = dataset.iterate_episodes()
        while True:
            with reading(self._data, most_pixels(space)):
                episode = next(episodes, None)
            if episode is None:
                return
            yield episode

    @property
    def _data(self) -> Path:
        return self.path if (self.path / LABEL).is_file() else self.path / "data"

    def _dataset(self) -> Any:
        try:
            from minari import MinariDataset
        except ImportError as error:
            raise DatasetError(
                f"{self.path} is a Minari dataset; to read it: pip install 'calql-vision[minari]'"
            ) from error
        check_minari(self._data)
        with reading(self._data, 0):
            return MinariDataset(self._data)


def _action_range(path: Path, space: Any) -> tuple[np.ndarray, np.ndarray]:
    from gymnasium.spaces import Box

    if not isinstance(space, Box) or len(space.shape) != 1:
        raise DatasetError(f"{path}: actions are {space}, not vectors of real numbers")
    return space.low, space.high


def _leaves(observations: Any, name: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """(name, array [T+1, ...]) of every part of the observations."""
    if isinstance(observations, dict):
        for key, part in observations.items():
            yield from _leaves(part, f"{name}_{key}" if name else key)
    elif isinstance(observations, tuple):
        yield from _leaves({str(number): part for number, part in enumerate(observations)}, name)
    else:
        yield name or "observation", np.asarray(observations)


def _cameras(observed: dict[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    """(camera, frames); an array of several views is taken apart."""
    for key, array in observed.items():
        if array.dtype == np.uint8 and array.ndim == 5:
            yield from ((f"{key}{view}", array[:, view]) for view in range(array.shape[1]))
        elif array.dtype == np.uint8 and array.ndim == 4:
            yield key, array


def _marks(episode: Any) -> dict[str | None, np.ndarray]:
    marks: dict[str | None, np.ndarray] = {"termination": episode.terminations}
    recorded = (episode.infos or {}).get("success")
    if recorded is not None:
        marks[None] = np.atleast_1d(recorded)[-len(episode.rewards) :]  # reset may have said it too
    return marks
