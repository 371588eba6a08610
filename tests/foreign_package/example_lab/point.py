"""A family of environments: a point on a square, to be brought to a goal."""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict

from calql_vision.types import EnvObservation, EnvSpec, PixelEnv, Policy

IMAGE_SIZE = 16  # pixels
STEP, NEAR = 0.2, 0.15  # of the square's half side


def names() -> list[str]:
    return ["goal"]


def knows(task: str) -> bool:
    return task in names()


def make(
    task: str,
    cameras: Sequence[str] | None,
    *,
    image_size: tuple[int, int],
    horizon: int | None,
) -> PixelEnv:
    if cameras not in (None, ["above"], ("above",)):
        raise ValueError(f"cameras={cameras!r}; point/{task} has one, above")
    return PointEnv(task, image_size, horizon or 20)


def expert(env: Any, noise: float | None, seed: int) -> Policy:
    return Straight(env, 0.3 if noise is None else noise, seed)


class PointEnv(gymnasium.Env):
    """Actions [dx, dy] in [-1, 1]; success is a point near the goal."""

    def __init__(self, task: str, image_size: tuple[int, int], horizon: int):
        self.pixel_spec = EnvSpec(
            name=f"point/{task}",
            cameras=("above",),
            image_size=image_size,
            proprio={"position": 2},
            action_dim=2,
            horizon=horizon,
            control_hz=10.0,
        )
        self.action_space = Box(-1.0, 1.0, (2,), np.float32)
        self.observation_space = Dict(
            images=Box(0, 255, (1, *image_size, 3), np.uint8),
            proprio=Box(-1.0, 1.0, (2,), np.float32),
        )
        self.steps, self.point, self.goal = 0, np.zeros(2), np.zeros(2)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[EnvObservation, dict[str, Any]]:
        super().reset(seed=seed)
        self.steps = 0
        self.point, self.goal = self.np_random.uniform(-0.9, 0.9, (2, 2))
        return self._observe(), {"success": False}

    def step(self, action: np.ndarray) -> tuple[EnvObservation, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        self.point = np.clip(self.point + STEP * np.clip(action, -1, 1), -1, 1)
        success = self.is_success()
        truncated = not success and self.steps >= self.pixel_spec.horizon
        return self._observe(), float(success), success, truncated, {"success": success}

    def is_success(self) -> bool:
        return bool(np.linalg.norm(self.point - self.goal) < NEAR)

    def get_state(self) -> np.ndarray:
        return np.array([self.steps, *self.point, *self.goal])

    def set_state(self, state: np.ndarray) -> EnvObservation:
        if np.shape(state) != (5,):
            raise ValueError(f"state has shape {np.shape(state)}; point takes (5,)")
        self.steps, self.point, self.goal = int(state[0]), state[1:3].copy(), state[3:].copy()
        return self._observe()

    def model_xml(self) -> str:
        return ""  # no simulator, no model

    def render(self) -> np.ndarray:
        return self._draw(256, 256)

    def _observe(self) -> EnvObservation:
        return {
            "images": self._draw(*self.pixel_spec.image_size)[None],
            "proprio": self.point.astype(np.float32),
        }

    def _draw(self, height: int, width: int) -> np.ndarray:
        """The goal green, the point red, uint8 [H, W, 3]."""
        places = np.stack(np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height)), -1)
        image = np.full((height, width, 3), 255, dtype=np.uint8)
        image[np.linalg.norm(places - self.goal, axis=-1) < NEAR] = (46, 160, 67)
        image[np.linalg.norm(places - self.point, axis=-1) < NEAR] = (207, 34, 46)
        return image


class Straight:
    """Straight to the goal, shaken by `noise`."""

    def __init__(self, env: PointEnv, noise: float, seed: int):
        self._env, self._noise, self._random = env, noise, np.random.default_rng(seed)

    def reset(self) -> None:
        """Nothing to forget."""

    def act(self, observation: EnvObservation) -> np.ndarray:
        towards = (self._env.goal - self._env.point) / STEP
        shaken = towards + self._noise * self._random.normal(size=2)
        return np.clip(shaken, -1, 1).astype(np.float32)
