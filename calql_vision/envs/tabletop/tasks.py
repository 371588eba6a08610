"""The tasks: which things there are, where they start, what is success.

Every random start lies in a region about a middle, which `start_region` scales.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from calql_vision.envs.tabletop.env import TabletopEnv
from calql_vision.envs.tabletop.things import CABINET, CUBE, CUBE_HALF, HANDLE, marker, tray, zone


def _around(
    random: np.random.Generator, middle: Sequence[float], spread: Sequence[float], scale: float
) -> np.ndarray:
    return np.asarray(middle) + scale * random.uniform(-1, 1, len(middle)) * np.asarray(spread)


def _upright(x: float, y: float, z: float, yaw: float) -> list[float]:
    """A free body's pose: position and quaternion, [7]."""
    return [x, y, z, np.cos(yaw / 2), 0, 0, np.sin(yaw / 2)]


class Reach(TabletopEnv):
    """Touch the ball: the point between the fingertips comes within 20 mm of its centre."""

    task = "reach"
    default_horizon = 30
    things = marker(radius=0.018)
    near = 0.020

    def place_things(self, random: np.random.Generator) -> None:
        self.data.mocap_pos[0] = _around(
            random, (0, 0, 0.05), (0.12, 0.12, 0.03), self.start_region
        )

    @property
    def goal(self) -> np.ndarray:
        """The ball's centre, [3] in metres."""
        return self.data.mocap_pos[0]

    def is_success(self) -> bool:
        return bool(np.linalg.norm(self.hand - self.goal) < self.near)


class CubeTask(TabletopEnv):
    """A task about the cube."""

    cube_middle = (0.0, 0.0, 0.0)  # x, y in metres and yaw in radians
    cube_spread = (0.09, 0.09, 0.35)

    def place_things(self, random: np.random.Generator) -> None:
        x, y, yaw = _around(random, self.cube_middle, self.cube_spread, self.start_region)
        self.data.qpos[5:12] = _upright(x, y, CUBE_HALF, yaw)

    @property
    def cube(self) -> np.ndarray:
        """The cube's centre, [3] in metres."""
        return self.data.qpos[5:8]


class Lift(CubeTask):
    """Lift the cube 50 mm off the table."""

    task = "lift"
    default_horizon = 40
    things = CUBE

    def is_success(self) -> bool:
        return bool(self.cube[2] > CUBE_HALF + 0.05)


class Push(CubeTask):
    """Push the cube forward into the disc: its centre comes within 30 mm of the disc's."""

    task = "push"
    default_horizon = 50
    things = CUBE + zone(radius=0.055)
    starts_open = False
    cube_middle = (-0.05, 0.0, 0.0)
    cube_spread = (0.04, 0.09, 0.35)
    near = 0.030

    def place_things(self, random: np.random.Generator) -> None:
        super().place_things(random)
        x, y = _around(random, (0.13, 0.0), (0.03, 0.06), self.start_region)
        self.data.mocap_pos[0] = (x, y, 0.0)

    @property
    def goal(self) -> np.ndarray:
        """The disc's centre, [3] in metres."""
        return self.data.mocap_pos[0]

    def is_success(self) -> bool:
        return bool(np.linalg.norm(self.cube[:2] - self.goal[:2]) < self.near)


class PickPlace(CubeTask):
    """Put the cube into the tray: it lies flat within the rim.

    The fingers need not have let go, as in Fetch's and Meta-World's pick-and-place.
    """

    task = "pick_place"
    default_horizon = 60
    place = (0.0, 0.15)  # the middle of the tray, x and y in metres
    tray_half = 0.045
    things = CUBE + tray(*place, half=tray_half, rim=0.010)
    cube_middle = (0.0, -0.05, 0.0)

    def is_success(self) -> bool:
        aside = np.abs(self.cube[:2] - self.place).max()
        lies = self.cube[2] < CUBE_HALF + 0.005
        return bool(aside < self.tray_half - 0.015 and lies)


class Drawer(TabletopEnv):
    """Pull the drawer 70 mm out by its handle."""

    task = "drawer"
    default_horizon = 50
    things = CABINET
    pulled = 0.070

    def place_things(self, random: np.random.Generator) -> None:
        middle, spread = (0.0, -0.14, 0.0), (0.09, 0.03, 0.25)
        x, y, yaw = _around(random, middle, spread, self.start_region)
        pose = _upright(x, y, 0, yaw)
        self.data.mocap_pos[0], self.data.mocap_quat[0] = pose[:3], pose[3:]

    @property
    def drawn(self) -> float:
        """How far the drawer is out, in metres."""
        return float(self.data.qpos[5])

    @property
    def outward(self) -> np.ndarray:
        """The direction in which the drawer opens, [3]."""
        w, _, _, z = self.data.mocap_quat[0]
        return np.array([-2 * w * z, w * w - z * z, 0.0])

    @property
    def handle(self) -> np.ndarray:
        """The middle of the handle, [3] in metres."""
        before, above = HANDLE
        ahead = (before + self.drawn) * self.outward
        return self.data.mocap_pos[0] + ahead + np.array([0, 0, above])

    def is_success(self) -> bool:
        return self.drawn > self.pulled
