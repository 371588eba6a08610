"""Scripted experts that read the simulator."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from calql_vision.envs.expert import Expert
from calql_vision.envs.tabletop.env import STEP, TabletopEnv
from calql_vision.envs.tabletop.tasks import CubeTask, Drawer, PickPlace, Push, Reach
from calql_vision.envs.tabletop.things import CUBE_HALF

OPEN, HALF, CLOSE = -1.0, 0.0, 1.0
HOVER = 0.075  # height at which the fingertips clear the cube

#: What an expert wants: where the hand should be ([3], metres), and the grip.
Plan = tuple[np.ndarray, float]


class TabletopExpert(Expert):
    """A waypoint and a grip per step."""

    env: TabletopEnv

    @abstractmethod
    def plan(self) -> Plan:
        """What to do now."""

    def intend(self) -> np.ndarray:
        waypoint, grip = self.plan()
        return np.append((waypoint - self.env.data.ctrl[:3]) / STEP, grip)

    def over(self, place: np.ndarray, distance: float) -> np.ndarray:
        """A waypoint above `place`, the higher the farther away."""
        return np.array([*place[:2], max(HOVER, 2 * distance)])


class ReachExpert(TabletopExpert):
    """Straight to the ball."""

    env: Reach
    default_noise = 1.0

    def plan(self) -> Plan:
        return self.env.goal + self.aim, OPEN


class LiftExpert(TabletopExpert):
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


class PushExpert(TabletopExpert):
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


class DrawerExpert(TabletopExpert):
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
EXPERTS: dict[str, type[TabletopExpert]] = {
    "reach": ReachExpert,
    "push": PushExpert,
    "lift": LiftExpert,
    "pick_place": PickPlaceExpert,
    "drawer": DrawerExpert,
}
