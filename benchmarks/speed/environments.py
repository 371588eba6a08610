"""Environment steps per second on one core, rendering and resets included."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from calql_vision.envs import make_env
from calql_vision.types import PixelEnv
from speed.measurement import Measurement, rates

PLAIN = "robosuite as it comes: Lift, one 84x84 camera"
OURS: dict[str, tuple[str, dict[str, Any]]] = {
    "robosuite/Lift, one 84x84 camera": (
        "robosuite/Lift",
        {"image_size": 84, "cameras": ["agentview"]},
    ),
    "robosuite/Lift, two 84x84 cameras": ("robosuite/Lift", {"image_size": 84}),
    "tabletop/lift, one 48x48 camera": ("tabletop/lift", {"cameras": ["front"]}),
    "tabletop/lift, two 48x48 cameras": ("tabletop/lift", {}),
    "tabletop/pick_place, two 48x48 cameras": ("tabletop/pick_place", {}),
}


def measure(brief: bool) -> list[Measurement]:
    steps, robosuite_steps = (5, 2) if brief else (500, 40)
    environments: list[PixelEnv] = [make_env(task, **kwargs) for task, kwargs in OURS.values()]
    works: dict[str, tuple[Callable[[], object], int]] = {
        PLAIN: (plain_robosuite(robosuite_steps), robosuite_steps)
    }
    for (name, (task, _)), env in zip(OURS.items(), environments, strict=True):
        count = robosuite_steps if task.startswith("robosuite") else steps
        width = env.pixel_spec.action_dim
        works[name] = (partial(walk, env.step, env.reset, width, count), count)
    values = rates(works, 1 if brief else 5)
    for env in environments:
        env.close()
    return [Measurement("Environment steps", "steps/s", PLAIN, values)]


def walk(step: Callable, reset: Callable, width: int, steps: int) -> None:
    """Random actions, with resets where episodes end."""
    reset()
    for action in np.random.default_rng(0).uniform(-1, 1, (steps, width)).astype(np.float32):
        if any(ended is True for ended in step(action)[2:4]):
            reset()


def plain_robosuite(steps: int) -> Callable[[], None]:
    from calql_vision.envs.robosuite.simulation import robosuite

    env = robosuite.make(
        "Lift",
        robots="Panda",
        camera_names="agentview",
        camera_heights=84,
        camera_widths=84,
        renderer="mujoco",
    )
    return partial(walk, env.step, env.reset, env.action_dim, steps)
