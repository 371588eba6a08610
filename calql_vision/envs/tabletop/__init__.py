"""Tabletop manipulation on MuJoCo alone: a gantry hand with two fingers, primitive shapes.

Nothing here imports MuJoCo until an environment is made, so that names can be listed on a
machine that cannot render.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from calql_vision.types import Policy

if TYPE_CHECKING:
    from calql_vision.envs.tabletop.env import TabletopEnv

IMAGE_SIZE = 48  # pixels: what a small encoder needs to see the cube, fast on a CPU
#: task -> class in `calql_vision.envs.tabletop.tasks`
TASKS = {
    "reach": "Reach",
    "push": "Push",
    "lift": "Lift",
    "pick_place": "PickPlace",
    "drawer": "Drawer",
}


def names() -> list[str]:
    """The tasks of this family."""
    return list(TASKS)


def knows(task: str) -> bool:
    """Whether `task` is one of this family."""
    return task in TASKS


def make(task: str, cameras: Sequence[str] | None, **kwargs: Any) -> TabletopEnv:
    """The environment of `task`; see `TabletopEnv` for the arguments.

    Raises ValueError for arguments that it does not take.
    """
    tasks = import_module("calql_vision.envs.tabletop.tasks")
    chosen = {} if cameras is None else {"cameras": cameras}
    try:
        return getattr(tasks, TASKS[task])(**chosen, **kwargs)
    except TypeError as error:
        raise ValueError(
            f"tabletop/{task} with arguments {kwargs} cannot be made: {error}"
        ) from error


def expert(env: TabletopEnv, noise: float | None, seed: int) -> Policy:
    """The scripted expert of the environment's task; see `Expert` for the arguments."""
    experts = import_module("calql_vision.envs.tabletop.experts")
    return experts.EXPERTS[env.task](env, noise, seed)
