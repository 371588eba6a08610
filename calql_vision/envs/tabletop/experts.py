"""Scripted experts that read the simulator, with a noise knob that makes them clumsy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from calql_vision.envs.tabletop.env import STEP, TabletopEnv
from calql_vision.envs.tabletop.tasks import CubeTask, Drawer, PickPlace, Push, Reach
from calql_vision.envs.tabletop.things import CUBE_HALF
from calql_vision.types import EnvObservation

OPEN, HALF, CLOSE = -1.0, 0.0, 1.0
HOVER = 0.075  # height at which the fingertips clear the cube

#: What an expert wants: where the hand should be ([3], metres), and the grip.
Plan = tuple[np.ndarray, float]


class Expert(ABC):
    """A waypoint and a grip per step, planned from the state alone, and noise on it.

    `noise` 0 is perfect, 1 is very clumsy (None: the task's default, about half successful). It
    scales an offset of the aim, drawn per episode; a shake of the hand that lasts several
    steps; and how often the hand wanders off at random, grip and all. Raises ValueError for a
    negative noise.
    """

    default_noise: ClassVar[float]
    aim_spread: ClassVar[tuple[float, float, float]] = (0.020, 0.020, 0.008)  # metres at noise 1

    def __init__(self, env: TabletopEnv, noise: float | None, seed: int) -> None:
        self.env = env
        self.noise = self.default_noise if noise is None else float(noise)
        if self.noise < 0:
            raise ValueError(f"noise={noise} is negative; give 0 (perfect) or more")
        self._random = np.random.default_rng(seed)
        self.reset()

    @abstractmethod
    def plan(self) -> Plan:
        """What to do now."""

    def reset(self) -> None:
        self.aim = self.noise * self._random.normal(0, self.aim_spread)
        self._shake = np.zeros(4)
        self._wander = np.zeros(4)
        self._wander_steps = 0

    def act(self, observation: EnvObservation) -> np.ndarray:
        waypoint, grip = self.plan()
        action = np.append((waypoint - self.env.data.ctrl[:3]) / STEP, grip)
        return self._disturbed(np.clip(action, -1, 1)).astype(np.float32)

    def _disturbed(self, action: np.ndarray) -> np.ndarray:
        push = self._random.normal(0, (0.5, 0.5, 0.5, 0.3))
        self._shake = 0.7 * self._shake + self.noise * push
        if self._wander_steps == 0 and self._random.random() < 0.1 * self.noise:
            self._wander_steps = self._random.integers(3, 9)
            self._wander = self._random.uniform(-1, 1, 4)
        if self._wander_steps > 0:
            self._wander_steps -= 1
            action = self._wander
        return np.clip(action + self._shake, -1, 1)

    def over(self, place: np.ndarray, distance: float) -> np.ndarray:
        """A waypoint above `place`, the higher the farther away."""
        return np.array([*place[:2], max(HOVER, 2 * distance)])


class ReachExpert(Expert):
    """Straight to the ball."""

    env: Reach
    default_noise = 1.0

    def plan(self) -> Plan:
        return self.env.goal + self.aim, OPEN


class LiftExpert(Expert):
    """Above the cube, down, close, up."""

    env: CubeTask
    default_noise = 0.7

    def plan(self) -> Plan:
        if self.holds():
            return np.array([*self.env.hand[:2], HOVER + 0.06]), CLOSE
        return self.grasp()

    def grasp(self) -> Plan:
        """Get the cube between the fingers and close them."""
        hand, grasp = self.env.hand, self.env.cube + self.aim
        grasp[2] = max(grasp[2] - 0.004, 0.016)
        distance = float(np.linalg.norm(hand[:2] - grasp[:2]))
        if distance > 0.012 and hand[2] > self.env.cube[2] + 0.03:
            return self.over(grasp, distance), OPEN
        if hand[2] > grasp[2] + 0.006 or distance > 0.025:
            return grasp, OPEN
        return grasp, CLOSE

    def holds(self) -> bool:
        """Whether the fingers have closed upon the cube."""
        env = self.env
        near = np.linalg.norm(env.hand - env.cube) < 0.035
        return bool(near and 2 * CUBE_HALF - 0.004 < env.opening < 2 * CUBE_HALF + 0.018)


class PickPlaceExpert(LiftExpert):
    """Grasp, carry over the tray, lower, let go."""

    env: PickPlace
    default_noise = 0.6

    def plan(self) -> Plan:
        hand = self.env.hand
        place = np.array([*self.env.place, 0.0]) + self.aim
        distance = float(np.linalg.norm(hand[:2] - place[:2]))
        over_tray = distance < 0.012
        if over_tray and self.env.cube[2] < CUBE_HALF + 0.012:
            return hand.copy(), OPEN
        if not self.holds():
            return self.grasp()
        if over_tray:
            return np.array([*place[:2], 0.018]), CLOSE
        return self.over(place, min(distance, 0.05)), CLOSE


class PushExpert(Expert):
    """Behind the cube, down, and push towards the disc, with the fingers closed."""

    env: Push
    default_noise = 0.5

    def plan(self) -> Plan:
        hand, cube = self.env.hand, self.env.cube
        way = self.env.goal[:2] - cube[:2]
        way = way / np.linalg.norm(way)
        from_cube = hand[:2] - cube[:2] - self.aim[:2]
        behind, aside = -from_cube @ way, abs(from_cube @ (-way[1], way[0]))
        low = hand[2] < 0.035
        if low and behind > 0.02 and aside < 0.012:
            return np.array([*(cube[:2] + self.aim[:2] + 0.01 * way), 0.02]), CLOSE
        start = cube[:2] + self.aim[:2] - 0.05 * way
        distance = float(np.linalg.norm(hand[:2] - start))
        if distance < 0.015:
            return np.array([*start, 0.02]), CLOSE
        return self.over(start, distance), CLOSE


class DrawerExpert(Expert):
    """One finger behind the handle, down, pull."""

    env: Drawer
    default_noise = 0.52

    def plan(self) -> Plan:
        hand, grasp = self.env.hand, self.env.handle + self.aim
        distance = float(np.linalg.norm(hand[:2] - grasp[:2]))
        low = hand[2] < grasp[2] + 0.015
        if low and distance < 0.03:
            return grasp + 0.06 * self.env.outward, HALF
        if distance < 0.01:
            return grasp, HALF
        return np.array([*grasp[:2], 0.12]), HALF


#: task -> its expert
EXPERTS: dict[str, type[Expert]] = {
    "reach": ReachExpert,
    "push": PushExpert,
    "lift": LiftExpert,
    "pick_place": PickPlaceExpert,
    "drawer": DrawerExpert,
}
