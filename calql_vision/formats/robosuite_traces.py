"""What recordings of robosuite tell of their environment without naming it."""

import re
from math import ceil, isclose
from typing import Any

import numpy as np

_TIMESTEP = 0.002  # seconds of physics; robosuite's macros.SIMULATION_TIMESTEP
_ROBOT = re.compile(r"robots/(\w+)/")  # a model names the files of its meshes


def recorded_arguments(states: np.ndarray, model: str | None) -> dict[str, Any]:
    """robosuite's arguments as far as one demo shows them: `control_freq`, `robots`."""
    shown = {"control_freq": control_frequency(states), "robots": robots(model)}
    return {name: value for name, value in shown.items() if value}


def control_frequency(states: np.ndarray) -> float | None:
    """Of states [T, S] that begin with their time; None where that does not move evenly.

    robosuite rounds a step down to whole steps of physics, as many as `physics_steps` says: the
    round number of those that come to the same.
    """
    steps = np.diff(states[:, 0])
    if len(steps) == 0 or steps.min() <= 0 or np.ptp(steps) > _TIMESTEP / 2:
        return None
    count = round(float(steps.mean()) / _TIMESTEP)
    exact, least = 1 / (count * _TIMESTEP), ceil(1 / ((count + 1) * _TIMESTEP) + 1e-9)
    if isclose(exact, round(exact)):
        return float(round(exact))
    return float(least) if physics_steps(least) == count else exact


def physics_steps(control_freq: float) -> int:
    """In one step of control, as robosuite counts them."""
    return int(1 / control_freq / _TIMESTEP + 1e-6)


def robots(model: str | None) -> list[str]:
    """The robot of a model (MJCF), as robosuite's folder of its meshes is called."""
    found = sorted(set(_ROBOT.findall(model or "")))
    return found if len(found) == 1 else []
