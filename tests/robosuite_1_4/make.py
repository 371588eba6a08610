"""Makes the recordings of this folder with robosuite 1.4.1 itself; see README.md.

python make.py FOLDER
"""

import json
import sys
from importlib import import_module
from pathlib import Path
from unittest.mock import MagicMock

import h5py
import numpy as np
import robosuite
from robosuite.wrappers import DataCollectionWrapper

SIZE = 84
INSTALLED = str(Path(robosuite.__file__).parents[1])
CONTROLLER = robosuite.load_controller_config(default_controller="OSC_POSE")
ARGUMENTS = {"robots": "Panda", "controller_configs": CONTROLLER}


def record(task: str, folder: Path) -> None:
    """One demonstration, gathered, and pictures of its first and last state."""
    plain = robosuite.make(
        task, **ARGUMENTS, has_offscreen_renderer=True, use_camera_obs=False, ignore_done=True
    )
    env = DataCollectionWrapper(plain, str(folder / "raw"))
    {"Lift": lift, "Door": door}[task](env, env.reset())
    env.reset()  # writes what was recorded
    without_machine(folder / "raw")
    gather(task, folder)
    with h5py.File(folder / "demo.hdf5") as file:
        demo = file["data/demo_1"]
        pictures, hands = zip(*(replay(plain, demo, step) for step in (0, -1)), strict=True)
    np.savez_compressed(folder / "seen.npz", agentview=pictures, robot0_eef_pos=hands)
    env.close()


def gather(task: str, folder: Path) -> None:
    """With robosuite's script, which also reads keyboards; those would need a screen."""
    sys.modules["pynput"] = sys.modules["pynput.keyboard"] = MagicMock()
    script = import_module("robosuite.scripts.collect_human_demonstrations")
    info = json.dumps({"env_name": task} | ARGUMENTS)
    script.gather_demonstrations_as_hdf5(str(folder / "raw"), str(folder), info)


def lift(env, obs) -> None:
    """Over the cube, down, close, up."""
    held = 0
    while not env._check_success():
        way = obs["cube_pos"] - obs["robot0_eef_pos"]
        held += bool(held or np.linalg.norm(way) < 0.015)
        aside = np.linalg.norm(way[:2]) > 0.02
        motion = [0, 0, 0.6 * (held > 8)] if held else 10 * (way + np.array([0, 0, 0.08 * aside]))
        action = np.concatenate([motion, [0, 0, 0, 1 if held else -1]])
        obs, _, _, _ = env.step(np.clip(action, -1, 1))


def door(env, obs) -> None:
    """Nobody opens it: after three steps its hinge is set."""
    for step in range(6):
        if step == 3:
            env.sim.data.set_joint_qpos("Door_hinge", 0.35)
        env.step(np.array([0.3, 0, 0, 0, 0, 0, -1.0]))


def replay(env, demo, step: int) -> tuple[np.ndarray, np.ndarray]:
    """What 1.4.1 sees in a stored state: agentview, upright, and where the hand is."""
    env.reset_from_xml_string(env.edit_model_xml(demo.attrs["model_file"]))
    env.sim.reset()
    env.sim.set_state_from_flattened(demo["states"][step])
    env.sim.forward()
    picture = env.sim.render(camera_name="agentview", width=SIZE, height=SIZE)[::-1]
    return picture, env._get_observations(force_update=True)["robot0_eef_pos"]


def without_machine(raw: Path) -> None:
    """The models name files by where this machine keeps them."""
    for path in raw.glob("*/model.xml"):
        path.write_text(path.read_text().replace(INSTALLED, "/home/somebody/site-packages"))


if __name__ == "__main__":
    for task in ("Lift", "Door"):
        folder = Path(sys.argv[1]) / task.lower()
        folder.mkdir(parents=True)
        record(task, folder)
