"""One door to every environment: `make_env("family/task")`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

import gymnasium

from calql_vision.envs.tabletop import TASKS as TABLETOP_TASKS
from calql_vision.types import PixelEnv, Policy

#: family -> module with `names()`, `knows(task)`, which may accept more than `names()` lists,
#: `make(task, cameras, image_size=, horizon=, **kwargs)` and, where the family has scripted
#: experts, `expert(env, noise, seed)`.
FAMILIES = {
    "tabletop": "calql_vision.envs.tabletop",
    "robosuite": "calql_vision.envs.robosuite",
    "gym": "calql_vision.envs.gym",
}

for _class in TABLETOP_TASKS.values():
    gymnasium.register(
        id=f"calql_vision/{_class}-v0",
        entry_point=f"calql_vision.envs.tabletop.tasks:{_class}",
    )


def env_names() -> list[str]:
    """Every "family/task" that can be listed."""
    return [f"{family}/{task}" for family in FAMILIES for task in _family(family).names()]


def make_env(
    name: str,
    *,
    cameras: Sequence[str] | None = None,
    image_size: int | tuple[int, int] = 48,
    horizon: int | None = None,
    **kwargs: Any,
) -> PixelEnv:
    """The environment "family/task".

    `cameras` in the order of the images' first axis (None: the task's own), `image_size` in
    pixels (height, width), `horizon` in steps (None: the task's own); `kwargs` go to the family.
    Raises ValueError for an unknown name or camera.
    """
    family, _, task = name.partition("/")
    if family not in FAMILIES or not _family(family).knows(task):
        raise ValueError(f"unknown environment {name!r}; valid: {', '.join(env_names())}")
    size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    return _family(family).make(task, cameras, image_size=size, horizon=horizon, **kwargs)


def make_expert(env: PixelEnv, noise: float | None = None, seed: int = 0) -> Policy:
    """The scripted expert of `env`: 0 noise always succeeds, None is the task's default.

    Raises ValueError where the family has no experts.
    """
    family = env.unwrapped.pixel_spec.name.partition("/")[0]
    module = _family(family)
    if not hasattr(module, "expert"):
        raise ValueError(f"{family!r} has no scripted experts; collect with a policy instead")
    return module.expert(env.unwrapped, noise, seed)


def _family(family: str) -> ModuleType:
    return import_module(FAMILIES[family])
