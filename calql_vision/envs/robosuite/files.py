"""The environment that a robomimic file was recorded in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from calql_vision.datasets.env_args import camera_names, environment, read_env_args
from calql_vision.datasets.hdf5_open import open_dataset


@dataclass(frozen=True)
class Recorded:
    """What a file says of its environment, as arguments of `make`."""

    task: str
    cameras: list[str] | None
    horizon: int | None
    kwargs: dict[str, Any]


def recorded_environment(path: str) -> Recorded:
    """Read `env_args`. Raises DatasetError, or ValueError for a file of another family."""
    with open_dataset(path) as file:
        env_args = read_env_args(file)
    name, kwargs = environment(env_args)
    family, _, task = name.partition("/")
    if family != "robosuite":
        raise ValueError(f"{path} was recorded in {name!r}, which is not robosuite's; use that")
    horizon = env_args["env_kwargs"].get("horizon")
    return Recorded(task, camera_names(env_args) or None, horizon, kwargs)
