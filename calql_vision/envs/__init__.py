"""One door to every environment: `make_env("family/task")`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium

from calql_vision.configs.entry_points import Table
from calql_vision.envs import gym, robosuite, tabletop
from calql_vision.envs.family import MEMBERS, Family
from calql_vision.types import PixelEnv, Policy

NO_ENVIRONMENT = "none"  # the task of who has data alone
UNKNOWN = "unknown"  # family of what data comes from that does not say it
_OURS: dict[str, Family] = {"tabletop": tabletop, "robosuite": robosuite, "gym": gym}
#: The first word of an environment's name -> the module behind it.
FAMILIES = Table("calql_vision.environments", _OURS, MEMBERS)

for _class in tabletop.TASKS.values():
    gymnasium.register(
        id=f"calql_vision/{_class}-v0",
        entry_point=f"calql_vision.envs.tabletop.tasks:{_class}",
        kwargs={"image_size": (tabletop.IMAGE_SIZE, tabletop.IMAGE_SIZE)},
    )


def env_names() -> list[str]:
    """Every "family/task" that can be listed; of other packages' families, "family/..."."""
    ours = [f"{family}/{task}" for family, module in _OURS.items() for task in module.names()]
    return ours + [f"{family}/..." for family in FAMILIES.foreign()]


def make_env(
    name: str,
    *,
    cameras: Sequence[str] | None = None,
    image_size: int | tuple[int, int] | None = None,
    horizon: int | None = None,
    **kwargs: Any,
) -> PixelEnv:
    """The environment "family/task".

    `cameras` in the order of the images' first axis (None: the task's own), `image_size` in
    pixels, a side or (height, width) (None: the family's own), `horizon` in steps (None: the
    task's own); `kwargs` go to the family. Raises ValueError for an unknown name or camera.
    """
    family, _, task = name.partition("/")
    check_environment(name)
    if family not in FAMILIES or not FAMILIES[family].knows(task):
        raise ValueError(f"unknown environment {name!r}; valid: {', '.join(_valid(family))}")
    size = FAMILIES[family].IMAGE_SIZE if image_size is None else image_size
    sides = (size, size) if isinstance(size, int) else (size[0], size[1])
    return FAMILIES[family].make(task, cameras, image_size=sides, horizon=horizon, **kwargs)


def check_environment(name: str) -> None:
    """ValueError for the name of data that comes from no environment we could make."""
    if name.partition("/")[0] in (NO_ENVIRONMENT, UNKNOWN):
        raise ValueError(
            f"{name}: the data names no environment, so that nothing can be rolled out; pretrain "
            "task=none learns from the data alone, and its policy acts in a loop of your own "
            "(examples/act_without_simulator.py)"
        )


def make_expert(env: PixelEnv, noise: float | None = None, seed: int = 0) -> Policy:
    """The scripted expert of `env`: 0 noise always succeeds, None is the task's default.

    Raises ValueError where there is none.
    """
    return FAMILIES[env.pixel_spec.name.partition("/")[0]].expert(env, noise, seed)


def _valid(family: str) -> list[str]:
    """Of a foreign family, which was imported already, its own names; else all that there are."""
    if family in FAMILIES.foreign():
        return [f"{family}/{task}" for task in FAMILIES[family].names()]
    return env_names()
