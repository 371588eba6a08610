"""Scripted experts of Gymnasium tasks, so that the whole path can be run without a download."""

from __future__ import annotations

import numpy as np

from calql_vision.envs.gym.env import GymEnv
from calql_vision.types import EnvObservation

_REACH = 0.05  # metres that Fetch's gripper moves per unit of action


class FetchReachExpert:
    """Straight to the goal, or beside it: `noise` scales an error of the aim, drawn now and then.

    0 is perfect; None is 2, with which about two in three episodes succeed.
    """

    def __init__(self, env: GymEnv, noise: float | None, seed: int) -> None:
        self._env, self._noise = env.inner.env, 2.0 if noise is None else float(noise)
        if self._noise < 0:
            raise ValueError(f"noise={noise} is negative; give 0 (perfect) or more")
        self._random = np.random.default_rng(seed)
        self.reset()

    def reset(self) -> None:
        self._aim = self._noise * self._random.normal(0, _REACH, 3)

    def act(self, observation: EnvObservation) -> np.ndarray:
        if self._random.random() < 0.1:
            self.reset()
        gripper = self._env.data.site("robot0:grip").xpos
        towards = (self._env.goal + self._aim - gripper) / _REACH
        shaken = towards + self._noise * self._random.normal(0, 0.2, 3)
        return np.append(np.clip(shaken, -1, 1), 0).astype(np.float32)


#: id -> expert
EXPERTS = {"FetchReach-v4": FetchReachExpert}
