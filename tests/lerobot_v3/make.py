"""Makes the data set in dataset.zip with the lerobot package; see README.md.

python make.py FOLDER
"""

import sys

import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset

SIDE = 32
LENGTHS, SUCCESSES = (4, 5, 3), (True, False, True)
CHANNELS = {"shape": (SIDE, SIDE, 3), "names": ["height", "width", "channels"]}
FEATURES = {
    "observation.state": {"dtype": "float32", "shape": (3,), "names": ["x", "y", "z"]},
    "action": {"dtype": "float32", "shape": (2,), "names": ["dx", "dy"]},
    "next.success": {"dtype": "bool", "shape": (1,), "names": None},
    "observation.images.front": {"dtype": "video", **CHANNELS},
    "observation.images.wrist": {"dtype": "image", **CHANNELS},
}


def picture(episode: int, step: int) -> np.ndarray:
    """A slope that tells episode and step."""
    slope = np.linspace(0, 120, SIDE)
    across = np.broadcast_to(slope, (SIDE, SIDE))
    return np.stack(
        [across + 30 * step, across.T + 40 * episode, np.full_like(across, 90)], axis=-1
    ).astype(np.uint8)


def frame(episode: int, step: int) -> dict:
    last = step == LENGTHS[episode] - 1
    return {
        "observation.state": np.array([episode, step, 0.5], dtype=np.float32),
        "action": np.array([step / 10, -episode / 10], dtype=np.float32),
        "next.success": np.array([last and SUCCESSES[episode]]),
        "observation.images.front": picture(episode, step),
        "observation.images.wrist": picture(episode, step),
        "task": "lift the cube",
    }


if __name__ == "__main__":
    dataset = LeRobotDataset.create("nobody/tiny", fps=10, features=FEATURES, root=sys.argv[1])
    for episode, length in enumerate(LENGTHS):
        for step in range(length):
            dataset.add_frame(frame(episode, step))
        dataset.save_episode()
    dataset.finalize()
