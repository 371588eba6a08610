"""Scripted experts that read robosuite's simulator."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from calql_vision.envs.expert import Expert
from calql_vision.envs.robosuite.env import RobosuiteEnv

OPEN, CLOSE = -1.0, 1.0
GAIN = 2.0  # the controller gets about a third of the way that it is told in one step

#: What an expert wants: where the fingertips should be ([3], metres), how far the hand should
#: turn about the vertical (radians), and the grip.
Plan = tuple[np.ndarray, float, float]


def up(amount: float) -> np.ndarray:
    """A vector along the vertical, [3]."""
    return np.array([0.0, 0.0, amount])


class RobosuiteExpert(Expert):
    """A waypoint, a turn and a grip per step; the fingers point down.

    Raises ValueError for another robot than the Panda, or another controller than OSC_POSE.
    """

    env: RobosuiteEnv

    def __init__(self, env: RobosuiteEnv, noise: float | None, seed: int) -> None:
        robot = env.simulation.robot
        self._controller = robot.composite_controller_config["body_parts"][robot.arms[0]]
        if self._controller["type"] != "OSC_POSE":
            raise ValueError(f"the expert needs OSC_POSE, not {self._controller['type']}")
        if robot.name != "Panda":
            raise ValueError(f"the expert is a Panda's; robots={robot.name} has none")
        super().__init__(env, noise, seed)

    @abstractmethod
    def plan(self) -> Plan:
        """What to do now."""

    def intend(self) -> np.ndarray:
        waypoint, turn, grip = self.plan()
        tilt = np.cross(self.frame[:, 2], up(-1))
        motion = np.concatenate([waypoint - self.hand, tilt + up(turn)])
        return np.append(GAIN * motion / self._controller["output_max"], grip)

    @property
    def _site(self) -> int:
        robot = self.env.simulation.robot
        return robot.eef_site_id[robot.arms[0]]

    @property
    def hand(self) -> np.ndarray:
        """Where the point between the fingertips is, [3] in metres."""
        return self.env.simulation.data.site_xpos[self._site]

    @property
    def frame(self) -> np.ndarray:
        """The hand's axes as columns, [3, 3]; y is where the fingers move, z where they point."""
        return self.env.simulation.data.site_xmat[self._site].reshape(3, 3)

    def position(self, body: str) -> np.ndarray:
        """Where a body is, [3] in metres."""
        return self.env.simulation.data.body(body).xpos

    def turn_to(self, body: str) -> float:
        """How far to turn, at most 45 degrees, so that the fingers meet a cube's faces."""
        side = self.env.simulation.data.body(body).xmat.reshape(3, 3)[:, 0]
        mine = self.frame[:, 0]
        angle = np.arctan2(side[1], side[0]) - np.arctan2(mine[1], mine[0])
        return float((angle + np.pi / 4) % (np.pi / 2) - np.pi / 4)


class GraspExpert(RobosuiteExpert):
    """Takes `thing` between the fingers; what then, is the task's matter."""

    thing: str  # body
    width: float  # between the fingers that hold it, metres
    hover = 0.08  # the fingertips' height above the thing at which they clear it
    turns = True  # whether the fingers must meet its faces

    def plan(self) -> Plan:
        return self.carry() if self.holds() else self.grasp()

    @abstractmethod
    def carry(self) -> Plan:
        """What to do with the thing in hand."""

    def grasp(self) -> Plan:
        """Above it, down, close."""
        grasp = self.position(self.thing) + self.aim
        aside = float(np.linalg.norm((self.hand - grasp)[:2]))
        turn = self.turn_to(self.thing) if self.turns else 0.0
        if aside > 0.02 and self.hand[2] > grasp[2] + 0.02:
            return grasp + up(min(self.hover, 4 * aside)), turn, OPEN
        near = aside < 0.02 and self.hand[2] < grasp[2] + 0.012
        return grasp, turn, CLOSE if near else OPEN

    def holds(self) -> bool:
        """Whether the fingers have closed upon it."""
        near = np.linalg.norm(self.hand - self.position(self.thing)) < 0.04
        return bool(near and self.opening < self.width + 0.003)

    @property
    def opening(self) -> float:
        """Between the fingers, in metres."""
        left, right = self.env.simulation.robot.get_gripper_joint_positions()
        return float(left - right)


class LiftExpert(GraspExpert):
    """Grasp the cube, up."""

    default_noise = 0.5
    thing, width = "cube_main", 0.042

    def carry(self) -> Plan:
        return self.hand + up(0.1), 0.0, CLOSE


class PlaceExpert(GraspExpert):
    """Carries the thing over a place, lowers it, lets go and leaves."""

    def reset(self) -> None:
        super().reset()
        self._placed = False

    def plan(self) -> Plan:
        self._placed = self._placed or (self.holds() and self.is_there())
        if self._placed:
            let_go = self.opening > self.width + 0.01
            return self.hand + up(0.1 if let_go else 0.0), 0.0, OPEN
        return super().plan()

    @abstractmethod
    def is_there(self) -> bool:
        """Whether the thing may be let go."""


class StackExpert(PlaceExpert):
    """Puts the red cube on the green one."""

    default_noise = 0.5
    thing, width = "cubeA_main", 0.042
    rest = 0.045  # between the centres of the cubes, one upon the other

    def is_there(self) -> bool:
        way = self.position(self.thing) - self.position("cubeB_main") - self.aim
        return bool(np.linalg.norm(way[:2]) < 0.012 and way[2] + self.aim[2] < self.rest + 0.004)

    def carry(self) -> Plan:
        way = self.position("cubeB_main") + self.aim - self.position(self.thing)
        aside = float(np.linalg.norm(way[:2]))
        way[2] += self.rest - self.aim[2] + min(0.03, 3 * max(aside - 0.005, 0))
        if way[2] > 0.02:  # first up, or the cubes meet sideways
            way[:2] *= 0.2
        return self.hand + way, 0.0, CLOSE


class CanExpert(PlaceExpert):
    """Drops the can into its bin."""

    default_noise = 0.4
    thing, width, turns = "Can_main", 0.055, False
    clear = 0.14  # above the bins' bottom, metres: over their walls

    def is_there(self) -> bool:
        return bool(np.abs(self.position(self.thing) - self.bin_place)[:2].max() < 0.05)

    def carry(self) -> Plan:
        way = self.bin_place + up(self.clear) - self.position(self.thing)
        if way[2] > 0.03:
            way[:2] = 0
        return self.hand + way, 0.0, CLOSE

    @property
    def bin_place(self) -> np.ndarray:
        """The middle of the can's bin, [3] in metres."""
        env = self.env.simulation.env
        return env.target_bin_placements[env.object_to_id["can"]]


#: task -> its expert
EXPERTS: dict[str, type[RobosuiteExpert]] = {
    "Lift": LiftExpert,
    "Stack": StackExpert,
    "PickPlaceCan": CanExpert,
}
