"""What scripted experts share: action noise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from calql_vision.types import EnvObservation, PixelEnv

TURN = 0.2  # how much of the noise turns the hand, which matters more than to displace it


class Expert(ABC):
    """An action per step, from the simulator's state alone, and noise on it.

    An action's first three numbers move the hand, the last is the grip, any between them turn the
    hand. `noise` 0 is perfect, 1 is strong (None: the
    task's default, about half successful). It scales an offset of the aim, drawn per episode; a
    shake of the hand that lasts several steps; and how often the hand wanders off at random, grip
    and all. Raises ValueError for a negative noise.
    """

    default_noise: ClassVar[float]
    aim_spread: ClassVar[tuple[float, float, float]] = (0.020, 0.020, 0.008)  # metres at noise 1

    def __init__(self, env: PixelEnv, noise: float | None, seed: int) -> None:
        self.env = env
        self.noise = self.default_noise if noise is None else float(noise)
        if self.noise < 0:
            raise ValueError(f"noise={noise} is negative; give 0 (perfect) or more")
        self._random = np.random.default_rng(seed)
        width = env.pixel_spec.action_dim
        self._scale = np.array([1.0] * 3 + [TURN] * (width - 4) + [1.0])
        self.reset()

    @abstractmethod
    def intend(self) -> np.ndarray:
        """What an expert without noise does now, [A]; beyond [-1, 1] means as fast as possible."""

    def reset(self) -> None:
        self.aim = self.noise * self._random.normal(0, self.aim_spread)
        self._shake = np.zeros_like(self._scale)
        self._wander = np.zeros_like(self._scale)
        self._wander_steps = 0

    def act(self, observation: EnvObservation) -> np.ndarray:
        return self._disturbed(np.clip(self.intend(), -1, 1)).astype(np.float32)

    def _disturbed(self, action: np.ndarray) -> np.ndarray:
        push = self._random.normal(0, [*0.5 * self._scale[:-1], 0.3])
        self._shake = 0.7 * self._shake + self.noise * push
        if self._wander_steps == 0 and self._random.random() < 0.1 * self.noise:
            self._wander_steps = self._random.integers(3, 9)
            self._wander = self._scale * self._random.uniform(-1, 1, len(self._scale))
        if self._wander_steps > 0:
            self._wander_steps -= 1
            action = self._wander
        return np.clip(action + self._shake, -1, 1)
