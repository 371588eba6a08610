"""robosuite's single-arm tasks, by name or rebuilt from the `env_args` of a robomimic file.

Nothing here imports robosuite until an environment is made, so that names can be listed without
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from calql_vision.envs.recorded import check_recorded
from calql_vision.types import Policy

if TYPE_CHECKING:
    from calql_vision.envs.robosuite.env import RobosuiteEnv

IMAGE_SIZE = 84  # pixels, robomimic's
#: robosuite 1.5.2's tasks for one arm, by its own names. Wipe can be made as well, but what has
#: been wiped is no part of its simulator state.
TASKS = (
    "Lift",
    "Stack",
    "PickPlace",
    "PickPlaceSingle",
    "PickPlaceMilk",
    "PickPlaceBread",
    "PickPlaceCereal",
    "PickPlaceCan",
    "NutAssembly",
    "NutAssemblySingle",
    "NutAssemblySquare",
    "NutAssemblyRound",
    "Door",
    "ToolHang",
)


def names() -> list[str]:
    """The tasks of this family."""
    return list(TASKS)


def knows(task: str) -> bool:
    """Whether `task` is a file, one of `names()`, or registered with robosuite by others."""
    if _is_file(task) or task in TASKS:
        return True
    if find_spec("robosuite") is None:
        return False
    simulation = import_module("calql_vision.envs.robosuite.simulation")
    return task in simulation.robosuite.environments.REGISTERED_ENVS


def make(
    task: str, cameras: Sequence[str] | None, horizon: int | None = None, **kwargs: Any
) -> RobosuiteEnv:
    """The environment of `task`, a name or the path of an HDF5 file; see `RobosuiteEnv`.

    What the caller gives goes before what the file says. Raises ValueError for arguments that
    robosuite does not take, RuntimeError where it is not installed.
    """
    if _is_file(task):
        files = import_module("calql_vision.envs.robosuite.files")
        recorded = files.recorded_environment(task)
        stated = {key: value for key, value in recorded.kwargs.items() if key not in kwargs}
        check_recorded(task, f"robosuite/{recorded.task}", stated)
        task, kwargs = recorded.task, stated | kwargs
        cameras, horizon = cameras or recorded.cameras, horizon or recorded.horizon
    env = import_module("calql_vision.envs.robosuite.env")
    chosen = {} if cameras is None else {"cameras": cameras}
    return env.RobosuiteEnv(task, horizon=horizon, **chosen, **kwargs)


def expert(env: RobosuiteEnv, noise: float | None, seed: int) -> Policy:
    """The scripted expert of the environment's task; see `Expert` for the arguments.

    Raises ValueError for a task without one.
    """
    experts = import_module("calql_vision.envs.robosuite.experts").EXPERTS
    if env.task not in experts:
        raise ValueError(
            f"no scripted expert for robosuite/{env.task}; there are {', '.join(experts)}"
        )
    return experts[env.task](env, noise, seed)


def _is_file(task: str) -> bool:
    return task.endswith((".hdf5", ".h5"))
