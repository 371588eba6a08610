"""robosuite's robots and arm controllers by their names."""

from __future__ import annotations

from typing import Any

from calql_vision.envs.robosuite.simulation import robosuite

_NAMES = sorted(robosuite.controllers.ALL_PART_CONTROLLERS)

#: Numbers that an arm's controller takes; the others take one per joint.
_WIDTHS = {"OSC_POSE": 6, "OSC_POSITION": 3, "IK_POSE": 6}


def spelled(robots: str | list[str]) -> str | list[str]:
    """Names in any case as robosuite spells them. Raises ValueError for an unknown one."""
    if isinstance(robots, str):
        return spelled([robots])[0]
    known = {name.lower(): name for name in sorted(robosuite.ALL_ROBOTS)}
    unknown = [name for name in robots if name.lower() not in known]
    if unknown:
        there_are = ", ".join(known.values())
        raise ValueError(f"robots={robots!r}: no robot {unknown[0]!r}; there are {there_are}")
    return [known[name.lower()] for name in robots]


def named_controller(name: str, robots: str | list[str]) -> dict[str, Any]:
    """robosuite's defaults for the arm controller `name`. Raises ValueError for an unknown one."""
    if name not in _NAMES:
        raise ValueError(f"controller={name}: choose {', '.join(_NAMES)}")
    theirs = robosuite.controllers
    part = theirs.load_part_controller_config(default_controller=name)
    robot = robots if isinstance(robots, str) else robots[0]
    whole = theirs.load_composite_controller_config(robot=robot)
    whole["body_parts"]["right"] = part | {"gripper": {"type": "GRIP"}}
    return whole


def controllers_taking(width: int, joints: int, gripper: int) -> list[str]:
    """Of an arm with so many joints: those whose actions have `width` numbers, gripper included."""
    return [name for name in _NAMES if _WIDTHS.get(name, joints) + gripper == width]
