"""A Gymnasium environment of one's own, which calql-vision finds under the name of its module.

PYTHONPATH=examples calql-vision finetune task.name=gym/own_environment:Point-v0 algo=sac
python examples/own_environment.py
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box

SIDE = 64  # pixels


class Point(gymnasium.Env):
    """A red point is to be brought onto the green goal; actions are its steps."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012
    observation_space = Box(-1, 1, (4,))
    action_space = Box(-1, 1, (2,))

    def __init__(self, render_mode: str = "rgb_array"):
        self.render_mode = render_mode

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self.point, self.goal = self.np_random.uniform(-0.9, 0.9, (2, 2))
        return self.observe(), {"success": False}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.point = np.clip(self.point + 0.2 * action, -1, 1)
        success = bool(np.linalg.norm(self.point - self.goal) < 0.2)
        return self.observe(), float(success), success, False, {"success": success}

    def observe(self) -> np.ndarray:
        return np.concatenate([self.point, self.goal]).astype(np.float32)

    def render(self) -> np.ndarray:
        """The picture, uint8 [H, W, 3]: all that the agent is shown."""
        places = np.stack(np.meshgrid(*2 * [np.linspace(-1, 1, SIDE)]), axis=-1)
        image = np.full((SIDE, SIDE, 3), 255, dtype=np.uint8)
        image[np.linalg.norm(places - self.goal, axis=-1) < 0.2] = (46, 160, 67)
        image[np.linalg.norm(places - self.point, axis=-1) < 0.1] = (207, 34, 46)
        return image


gymnasium.register("Point-v0", f"{__name__}:Point", max_episode_steps=20)

if __name__ == "__main__":
    env = Point()
    env.reset(seed=0)
    print("picture", env.render().shape, "success", env.step(np.zeros(2))[-1]["success"])
