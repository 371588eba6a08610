"""Any registered Gymnasium environment that renders, as `gym/<id>`.

Nothing here imports Gymnasium-Robotics or MuJoCo until an environment is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from calql_vision.types import Policy

if TYPE_CHECKING:
    from calql_vision.envs.gym.env import GymEnv

IMAGE_SIZE = 84  # pixels, as usual since DQN
#: Those that tests run and `configs/task/gym` has settings for; every other id works as well.
TESTED = (
    "FetchReach-v4",
    "FetchPush-v4",
    "FetchPickAndPlace-v4",
    "AdroitHandDoor-v1",
    "AdroitHandPen-v1",
    "AdroitHandRelocate-v1",
    "FrankaKitchen-v1",
)


def names() -> list[str]:
    """The ids that are tested."""
    return list(TESTED)


def knows(task: str) -> bool:
    """Any id may be registered; `make` finds out."""
    return bool(task)


def make(task: str, cameras: Sequence[str] | None, **kwargs: Any) -> GymEnv:
    """The environment with the id `task`; see `GymEnv` for the arguments."""
    env = import_module("calql_vision.envs.gym.env")
    return env.GymEnv(task, cameras, **kwargs)


def expert(env: GymEnv, noise: float | None, seed: int) -> Policy:
    """The scripted expert of the environment's task. Raises ValueError where there is none."""
    experts = import_module("calql_vision.envs.gym.experts")
    task = env.pixel_spec.name.removeprefix("gym/")
    if task not in experts.EXPERTS:
        raise ValueError(
            f"gym/{task} has no scripted expert, only {', '.join(experts.EXPERTS)}; "
            "set data.path to a file of demonstrations"
        )
    return experts.EXPERTS[task](env, noise, seed)
