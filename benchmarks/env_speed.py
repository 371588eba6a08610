"""Environment steps per second on one core, rendering included: python benchmarks/env_speed.py."""

import time

import numpy as np

from calql_vision.envs import env_names, make_env
from calql_vision.types import PixelEnv

STEPS = 1000
CAMERAS = (("front",), ("front", "wrist"))


def steps_per_second(env: PixelEnv, steps: int = STEPS) -> float:
    """Of random actions, resets included."""
    actions = np.random.default_rng(0).uniform(-1, 1, (steps, 4)).astype(np.float32)
    env.reset(seed=0)
    start = time.perf_counter()
    for action in actions:
        _, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            env.reset()
    return steps / (time.perf_counter() - start)


def main() -> None:
    print(f"{'steps/s at 48x48':24}" + "".join(f"{len(c)} camera(s)  " for c in CAMERAS))
    for name in filter(lambda name: name.startswith("tabletop/"), env_names()):
        row = f"{name:24}"
        for cameras in CAMERAS:
            env = make_env(name, cameras=cameras)
            row += f"{steps_per_second(env):11.0f}  "
            env.close()
        print(row)


if __name__ == "__main__":
    main()
