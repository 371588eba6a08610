"""Records demonstrations of Lift with robosuite's own code and none of ours.

python benchmarks/record_lift.py FOLDER [SEED]
then robomimic's convert_robosuite.py on FOLDER/demo.hdf5

What docs/results.md calls recordings of robosuite's own scripts. A crude policy takes the place of
the human at robosuite's devices: over the cube, down, close, up, with pushes that change slowly.
"""

import json
import os
import sys

os.environ.setdefault("MUJOCO_GL", "egl")

import numpy as np
import robosuite
from robosuite.controllers import load_composite_controller_config
from robosuite.scripts.collect_human_demonstrations import gather_demonstrations_as_hdf5
from robosuite.wrappers import DataCollectionWrapper

EPISODES, STEPS = 120, 80


def record(folder: str, seed: int = 0) -> None:
    """Raw episodes, and the successful ones gathered in demo.hdf5."""
    controller = load_composite_controller_config(controller=None, robot="Panda")
    config = {"env_name": "Lift", "robots": ["Panda"], "controller_configs": controller}
    env = robosuite.make(
        **config,
        has_renderer=False,
        has_offscreen_renderer=False,
        use_camera_obs=False,
        ignore_done=True,
        control_freq=20,
        seed=seed,
    )
    env = DataCollectionWrapper(env, f"{folder}/raw")
    random = np.random.default_rng(seed)
    for _ in range(EPISODES):
        lift(env, random)
    env.close()
    gather_demonstrations_as_hdf5(f"{folder}/raw", folder, json.dumps(config))


def lift(env: DataCollectionWrapper, random: np.random.Generator) -> None:
    """One episode, until success or STEPS."""
    seen, held, push = env.reset(), 0, random.normal(size=3)
    for _ in range(STEPS):
        way = seen["cube_pos"] - seen["robot0_eef_pos"]
        held += bool(held or np.linalg.norm(way) < 0.012)
        push = 0.8 * push + 0.6 * random.normal(size=3)
        motion = intended(way, held) + 0.25 * push
        action = [*motion, *(0.05 * random.normal(size=3)), 1 if held else -1]
        seen, *_ = env.step(np.clip(action, -1, 1))
        if env._check_success():
            return


def intended(way: np.ndarray, held: int) -> np.ndarray:
    """Towards the cube from above; up, six steps after the fingers began to close."""
    if held:
        return np.array([0, 0, 0.7 * (held > 6)])
    aside = np.linalg.norm(way[:2]) > 0.02
    return 12 * (way + np.array([0, 0, 0.06 * aside]))


if __name__ == "__main__":
    record(sys.argv[1], *map(int, sys.argv[2:]))
