"""Environment steps per second on one core, rendering included: python benchmarks/env_speed.py."""

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from calql_vision.envs import make_env
from calql_vision.envs.tabletop import TASKS
from calql_vision.types import PixelEnv

STEPS = 1000
CAMERAS = (("front",), ("front", "wrist"))
ROBOSUITE_STEPS, ROBOSUITE_RESETS = 100, 5
ROBOSUITE_TASKS = ("Lift", "Stack", "PickPlaceCan", "Door")


def steps_per_second(env: PixelEnv, steps: int = STEPS) -> float:
    """Of random actions, resets included."""
    return rate(env.step, env.reset, env.pixel_spec.action_dim, steps)


def rate(step: Callable, reset: Callable, width: int, steps: int) -> float:
    """Steps per second, with resets where episodes end."""
    actions = np.random.default_rng(0).uniform(-1, 1, (steps, width)).astype(np.float32)
    reset()
    step(actions[0])  # the renderer is made, and numba compiles
    start = time.perf_counter()
    for action in actions:
        if any(ended is True for ended in step(action)[2:4]):
            reset()
    return steps / (time.perf_counter() - start)


def seconds_per_reset(reset: Callable) -> float:
    start = time.perf_counter()
    for _ in range(ROBOSUITE_RESETS):
        reset()
    return (time.perf_counter() - start) / ROBOSUITE_RESETS


def plain_robosuite(task: str) -> tuple[float, float]:
    """Steps/s and seconds per reset of robosuite as it comes, one 84x84 camera."""
    from calql_vision.envs.robosuite.simulation import robosuite

    env = robosuite.make(
        task,
        robots="Panda",
        camera_names="agentview",
        camera_heights=84,
        camera_widths=84,
        renderer="mujoco",
    )
    found = rate(env.step, env.reset, env.action_dim, ROBOSUITE_STEPS), seconds_per_reset(env.reset)
    env.close()
    return found


def our_robosuite(task: str, **arguments: Any) -> tuple[float, float]:
    """The same of ours."""
    env = make_env(f"robosuite/{task}", image_size=84, **arguments)
    found = steps_per_second(env, ROBOSUITE_STEPS), seconds_per_reset(env.reset)
    env.close()
    return found


def tabletop() -> None:
    print(f"{'steps/s at 48x48':24}" + "".join(f"{len(c)} camera(s)  " for c in CAMERAS))
    for task in TASKS:
        row = f"tabletop/{task:15}"
        for cameras in CAMERAS:
            env = make_env(f"tabletop/{task}", cameras=cameras)
            row += f"{steps_per_second(env):11.0f}  "
            env.close()
        print(row)


def against_robosuite() -> None:
    print("\nsteps/s at 84x84        robosuite       ours  ratio  2 cameras     pretty  s/reset")
    for task in ROBOSUITE_TASKS:
        plain, plain_reset = plain_robosuite(task)
        one, reset = our_robosuite(task, cameras=["agentview"])
        two, _ = our_robosuite(task)
        pretty, _ = our_robosuite(task, cameras=["agentview"], pretty=True)
        speeds = f"{plain:9.1f}{one:11.1f}{one / plain:6.1f}x{two:11.1f}{pretty:11.1f}"
        print(f"robosuite/{task:14}{speeds}  {plain_reset:.2f} -> {reset:.3f}")


def main() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    tabletop()
    against_robosuite()


if __name__ == "__main__":
    main()
