"""The tabletop's model as MJCF text: the hand, the table, the light, the cameras.

Metres, kilograms, seconds. The robot's base would be at -x; x is forward, y left, z up. The
hand's origin is the point between its fingertips, so its three slide joints are its position.
"""

from __future__ import annotations

JAW = 0.076  # widest opening; much wider than the cube on purpose, which forgives aim
WORKSPACE = ((-0.22, -0.22, 0.014), (0.22, 0.22, 0.24))  # of the hand

# Collision bits: 1 what lies on the table, 2 the hand. Table and hand never meet, because the
# workspace ends above the table; that saves a third of the contacts.
LIES, HAND = 1, 2

_SCENE = """
<mujoco model="tabletop_{task}">
  <compiler angle="radian"/>
  <option timestep="0.005" integrator="implicitfast" cone="elliptic" impratio="5"/>
  <statistic center="0 0 0.1" extent="0.8"/>
  <visual>
    <headlight ambient="0.44 0.44 0.46" diffuse="0.30 0.30 0.30" specular="0.05 0.05 0.05"/>
    <map znear="0.01" zfar="60"/>
  </visual>
  <default>
    <geom condim="4" friction="1 0.02 0.001" solref="0.01 1"/>
    <default class="visual"><geom contype="0" conaffinity="0" group="1" mass="0"/></default>
    <default class="hand"><geom contype="{hand}" conaffinity="0"/></default>
    <default class="fixed"><geom contype="0" conaffinity="{lies}"/></default>
    <default class="solid"><geom contype="0" conaffinity="{hand}"/></default>
  </default>
  <asset>
    <material name="table" rgba="0.60 0.45 0.33 1" specular="0.1" shininess="0.1"/>
    <material name="mat" rgba="0.83 0.81 0.77 1" specular="0"/>
    <material name="floor" rgba="0.30 0.35 0.42 1" specular="0"/>
    <material name="dark" rgba="0.20 0.22 0.27 1" specular="0.4" shininess="0.5"/>
    <material name="steel" rgba="0.72 0.75 0.79 1" specular="0.5" shininess="0.6"/>
    <material name="pad" rgba="0.95 0.62 0.18 1" specular="0.2"/>
    <material name="cube" rgba="0.84 0.20 0.18 1" specular="0.3" shininess="0.4"/>
    <material name="mark" rgba="0.10 0.62 0.52 1" specular="0.1"/>
    <material name="tray" rgba="0.20 0.42 0.72 1" specular="0.2" shininess="0.3"/>
    <material name="walnut" rgba="0.45 0.30 0.21 1" specular="0.2" shininess="0.3"/>
    <material name="front" rgba="0.88 0.86 0.82 1" specular="0.2" shininess="0.3"/>
    <material name="brass" rgba="0.90 0.62 0.12 1" specular="0.6" shininess="0.6"/>
  </asset>
  <worldbody>
    <light pos="0.2 -0.3 1.4" dir="-0.16 0.24 -1" directional="true" diffuse="0.40 0.40 0.38"
           specular="0.2 0.2 0.2"/>
    <camera name="front" pos="0.58 0 0.58" xyaxes="0 1 0 -0.69 0 0.72" fovy="38"/>
    <geom name="table" class="fixed" type="box" size="0.34 0.42 0.02" pos="0 0 -0.02"
          material="table"/>
    <geom class="visual" type="box" size="0.27 0.29 0.0005" material="mat"/>
    <geom name="floor" class="visual" type="plane" size="30 30 10" pos="0 0 -0.5"
          material="floor"/>
{hand_body}
{things}
  </worldbody>
  <equality><joint joint1="finger_left" joint2="finger_right"/></equality>
  <actuator>
    <position joint="hand_x" kp="1000" kv="55"/>
    <position joint="hand_y" kp="1000" kv="55"/>
    <position joint="hand_z" kp="1000" kv="55"/>
    <position joint="finger_left" kp="150" kv="4" forcerange="-6 6"/>
    <position joint="finger_right" kp="150" kv="4" forcerange="-6 6"/>
  </actuator>
</mujoco>
"""

_FINGER = """
      <body name="finger_{side}" gravcomp="1">
        <joint name="finger_{side}" type="slide" axis="0 {sign} 0" range="0 {reach}"/>
        <geom class="hand" type="box" size="0.011 0.005 0.032" pos="0 {y} 0.022" mass="0.03"
              material="steel" friction="1.5 0.05 0.001"/>
        <geom class="visual" type="box" size="0.0115 0.0055 0.010" pos="0 {y} 0.002"
              material="pad"/>
      </body>"""

_HAND_BODY = """
    <body name="hand" gravcomp="1">
      <joint name="hand_x" type="slide" axis="1 0 0"/>
      <joint name="hand_y" type="slide" axis="0 1 0"/>
      <joint name="hand_z" type="slide" axis="0 0 1"/>
      <geom class="hand" type="box" size="0.018 0.050 0.013" pos="0 0 0.067" mass="0.7"
            material="dark"/>
      <geom class="visual" type="cylinder" size="0.020 0.012" pos="0 0 0.092" material="steel"/>
      <geom class="visual" type="cylinder" size="0.013 0.20" pos="0 0 0.304" material="dark"/>
      <camera name="wrist" pos="-0.105 0 0.080" xyaxes="0 -1 0 0.64 0 0.77" fovy="70"/>{fingers}
    </body>"""


def scene_xml(task: str, things: str) -> str:
    """The whole model of a task, whose `things` are MJCF bodies."""
    hand = _HAND_BODY.format(fingers=_finger("left", 1) + _finger("right", -1))
    return _SCENE.format(task=task, things=things, hand=HAND, lies=LIES, hand_body=hand)


def _finger(side: str, sign: int) -> str:
    return _FINGER.format(side=side, sign=sign, y=0.005 * sign, reach=JAW / 2)
