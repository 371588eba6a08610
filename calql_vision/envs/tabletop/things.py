"""The things on the table, each a piece of MJCF. Goals are mocap bodies: they can be put anywhere,
and where they are is part of the simulator's state.
"""

from __future__ import annotations

from calql_vision.envs.tabletop.scene import HAND, LIES

CUBE_HALF = 0.020
TRAY_WALL = 0.004
DRAWER_TRAVEL = 0.09
HANDLE = (0.090, 0.045)  # of the closed drawer, before the cabinet's middle and above the table

CUBE = f"""
    <body name="cube" pos="0 0 {CUBE_HALF}">
      <freejoint name="cube"/>
      <geom name="cube" type="box" size="{CUBE_HALF} {CUBE_HALF} {CUBE_HALF}" mass="0.04"
            contype="{LIES}" conaffinity="{LIES | HAND}" material="cube"/>
    </body>"""


def marker(radius: float) -> str:
    """A ball to touch, which can be put anywhere."""
    return f"""
    <body name="goal" mocap="true">
      <geom class="visual" type="sphere" size="{radius}" material="mark"/>
    </body>"""


def zone(radius: float) -> str:
    """A disc on the table, which can be put anywhere."""
    return f"""
    <body name="goal" mocap="true">
      <geom class="visual" type="cylinder" size="{radius} 0.0015" material="mark"/>
    </body>"""


def tray(x: float, y: float, half: float, rim: float) -> str:
    """A square tray on the table; `half` its inner half width, `rim` the height of its wall."""
    wall, long = TRAY_WALL, half + 2 * TRAY_WALL
    walls = [
        (0, half + wall, long, wall),
        (0, -half - wall, long, wall),
        (half + wall, 0, wall, half),
        (-half - wall, 0, wall, half),
    ]
    boxes = "".join(
        f"""
      <geom class="fixed" type="box" size="{sx} {sy} {rim / 2}" pos="{dx} {dy} {rim / 2}"
            material="tray"/>"""
        for dx, dy, sx, sy in walls
    )
    return f"""
    <body name="tray" pos="{x} {y} 0">
      <geom class="visual" type="box" size="{half} {half} 0.0015" material="mark"/>{boxes}
    </body>"""


# Faces +y, so that both cameras see it open. The gap behind the handle takes one finger.
CABINET = f"""
    <body name="cabinet" mocap="true">
      <geom class="solid" type="box" size="0.068 0.050 0.004" pos="0 0 0.086" material="walnut"/>
      <geom class="solid" type="box" size="0.004 0.050 0.041" pos="0.064 0 0.041"
            material="walnut"/>
      <geom class="solid" type="box" size="0.004 0.050 0.041" pos="-0.064 0 0.041"
            material="walnut"/>
      <geom class="visual" type="box" size="0.060 0.004 0.041" pos="0 -0.046 0.041"
            material="walnut"/>
      <body name="drawer">
        <joint name="drawer" type="slide" axis="0 1 0" range="0 {DRAWER_TRAVEL}" damping="4"
               frictionloss="0.5"/>
        <geom class="solid" type="box" size="0.058 0.004 0.036" pos="0 0.046 0.042" mass="0.2"
              material="front"/>
        <geom class="visual" type="box" size="0.055 0.042 0.003" pos="0 0 0.012"
              material="front"/>
        <geom class="visual" type="box" size="0.003 0.042 0.024" pos="0.052 0 0.036"
              material="front"/>
        <geom class="visual" type="box" size="0.003 0.042 0.024" pos="-0.052 0 0.036"
              material="front"/>
        <geom class="solid" type="box" size="0.036 0.006 0.006" pos="0 {HANDLE[0]} {HANDLE[1]}"
              mass="0.05" material="brass"/>
        <geom class="solid" type="box" size="0.004 0.018 0.004" pos="0.032 0.068 {HANDLE[1]}"
              mass="0.01" material="brass"/>
        <geom class="solid" type="box" size="0.004 0.018 0.004" pos="-0.032 0.068 {HANDLE[1]}"
              mass="0.01" material="brass"/>
      </body>
    </body>"""
