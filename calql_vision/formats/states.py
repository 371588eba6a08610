"""Recordings of simulator states, to be rendered: what every source of them offers.

A robomimic file is one source (`demo.hdf5`, `low_dim.hdf5`), robosuite's folders are another.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import h5py
import numpy as np

from calql_vision.datasets.env_args import names_environment, read_env_args
from calql_vision.datasets.hdf5_arrays import fault, numbers, stored_array, take, text
from calql_vision.datasets.hdf5_layout import demo_names
from calql_vision.datasets.hdf5_open import open_dataset

#: What is made anew for every demo.
_RENDERED = ("obs", "next_obs", "dones")


@dataclass(frozen=True)
class Recording:
    """One demo as the simulator can replay it."""

    states: np.ndarray  # float64 [T, S] before each action, or [T+1, S] with the last one
    actions: np.ndarray  # float32 [T, A]
    model: str | None  # the demo's own MJCF
    has_rewards: bool  # whether the source knows them


class Recordings(Protocol):
    """A source of recordings. Plain data, so that it can be sent to other processes."""

    @property
    def path(self) -> Path: ...

    def env_args(self) -> dict[str, Any]:
        """robomimic's: `env_name`, `env_kwargs`, perhaps `env_version` and `type`.

        The name is empty where the source does not say it.
        """

    def names(self) -> list[str]:
        """The demos, in order."""

    def read(self, name: str) -> Recording: ...

    def copy_demo(self, name: str, demo: h5py.Group) -> None:
        """Everything of a demo that rendering does not make, states and actions included."""

    def copy_rest(self, file: h5py.File) -> None:
        """What lies outside of the demos: masks, attributes."""


@dataclass(frozen=True)
class StatesFile:
    """A file in robomimic's layout whose demos have `states`. Raises DatasetError."""

    path: Path

    def env_args(self) -> dict[str, Any]:
        with open_dataset(self.path) as file:
            if not names_environment(file):
                return {"env_name": "", "env_kwargs": {}}
            return read_env_args(file)

    def names(self) -> list[str]:
        with open_dataset(self.path) as file:
            return demo_names(file)

    def read(self, name: str) -> Recording:
        with open_dataset(self.path) as file:
            demo = file["data"][name]
            actions = numbers(demo, "actions", ndim=2)
            if len(actions) == 0:
                raise fault(demo, "actions", "has no steps; drop the demo")
            stored = stored_array(demo, "states", ndim=2, length=len(actions))
            states = take(demo, stored, slice(None))
            if states.dtype.kind != "f" or not np.isfinite(states).all():
                raise fault(demo, "states", "holds NaN, infinities or no numbers; drop the demo")
            has_rewards = "rewards" in demo
            if has_rewards:
                numbers(demo, "rewards", ndim=1, length=len(actions))
            return Recording(
                states=states,
                actions=actions,
                model=text(demo, "model_file"),
                has_rewards=has_rewards,
            )

    def copy_demo(self, name: str, demo: h5py.Group) -> None:
        with open_dataset(self.path) as file:
            source = file["data"][name]
            demo.attrs.update(source.attrs)
            for key in source:
                if key not in _RENDERED:
                    source.copy(key, demo, expand_soft=True)

    def copy_rest(self, file: h5py.File) -> None:
        with open_dataset(self.path) as source:
            file["data"].attrs.update(source["data"].attrs)
            for key in source:
                if key != "data":
                    source.copy(key, file, expand_soft=True)
