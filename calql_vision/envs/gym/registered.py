"""A registered Gymnasium environment as the rest of this package needs it."""

from __future__ import annotations

import tempfile
from contextlib import redirect_stderr
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box

from calql_vision.envs.rendering import load_mujoco

if TYPE_CHECKING:
    import mujoco
else:
    mujoco = load_mujoco()

#: Packages that register environments when they are imported, and how to get them.
REGISTRARS = {
    "gymnasium_robotics": 'pip install "calql-vision[gym]"',
    "metaworld": "pip install metaworld",
    "ogbench": "pip install ogbench",
}


@dataclass(frozen=True)
class Outcome:
    """What a step of the environment returned, but for the observation."""

    reward: float
    terminated: bool
    truncated: bool
    info: dict[str, Any]


class Registered:
    """The environment `task`: always reset with a seed, actions in [-1, 1], poses up to date.

    `simulated` says whether its state is a MuJoCo model and data. Raises ValueError for an id
    that is not registered, arguments that it does not take, and actions that are no bounded box.
    """

    def __init__(self, task: str, kwargs: dict[str, Any]) -> None:
        self.task = task
        self.outer = open_env(task, kwargs)
        self.env: Any = self.outer.unwrapped  # whose model, data and goal Gymnasium does not know
        self._low, self._high = bounds(task, self.outer.action_space)
        self.outer.reset(seed=0)  # OGBench has no model before
        model = getattr(self.env, "model", None)
        self.simulated = isinstance(model, mujoco.MjModel)
        self.model_xml = last_model(model) if self.simulated else ""
        # "module:id", which imports the module, is registered under the id alone
        self.time_limit = gymnasium.spec(task.rpartition(":")[2]).max_episode_steps
        self.restart(0)

    @property
    def action_dim(self) -> int:
        return len(self._low)

    @property
    def control_hz(self) -> float:
        """Steps per second of the simulation, or else of its films."""
        step = getattr(self.env, "dt", None)
        return 1 / step if step else float(self.env.metadata.get("render_fps", 30))

    def restart(self, seed: int) -> None:
        """The episode of `seed`, whatever came before."""
        self.env.np_random, _ = gymnasium.utils.seeding.np_random(seed)  # Meta-World's ignores it
        self.outer.reset(seed=seed)
        self.settle()

    def advance(self, action: np.ndarray) -> Outcome:
        """One step; `action` [A] in [-1, 1]."""
        scaled = self._low + (action + 1) / 2 * (self._high - self._low)
        scaled = scaled.astype(self.outer.action_space.dtype)
        _, reward, terminated, truncated, info = self.outer.step(scaled)
        self.settle()
        return Outcome(float(reward), bool(terminated), bool(truncated), info)

    def settle(self) -> None:
        """Bring poses, and the marks of goals, up to date with the state.

        After a step poses are those of before its last substep, and Fetch steers by them.
        """
        if not self.simulated:
            return
        mujoco.mj_kinematics(self.env.model, self.env.data)
        mujoco.mj_camlight(self.env.model, self.env.data)
        place_marks = getattr(self.env, "_render_callback", None)
        if place_marks is not None:
            place_marks()


def open_env(task: str, kwargs: dict[str, Any]) -> gymnasium.Env:
    """What is registered as `task`, without its time limit."""
    for package in REGISTRARS:
        if task not in gymnasium.registry and find_spec(package):
            with redirect_stderr(StringIO()):  # notices about other ids than the one asked for
                import_module(package)
    try:
        return gymnasium.make(
            task,
            render_mode="rgb_array",
            max_episode_steps=-1,
            disable_env_checker=True,
            **kwargs,
        )
    except gymnasium.error.UnregisteredEnv as error:
        sources = ", ".join(f"{name} ({how})" for name, how in REGISTRARS.items())
        raise ValueError(
            f"unknown environment 'gym/{task}': {error} Gymnasium has its own; others come from "
            f"{sources}"
        ) from error
    except (gymnasium.error.Error, ImportError, TypeError, ValueError) as error:
        raise ValueError(f"gym/{task} with arguments {kwargs} cannot be made: {error}") from error


def bounds(task: str, space: gymnasium.Space) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest action, float64 [A]. Raises ValueError unless both are finite."""
    if not isinstance(space, Box) or space.low.ndim != 1 or not space.is_bounded():
        raise ValueError(
            f"gym/{task} takes actions in {space}; only a bounded box of numbers can be learnt"
        )
    return space.low.astype(np.float64), space.high.astype(np.float64)


def last_model(model: mujoco.MjModel) -> str:
    """The model that was loaded last, as MJCF that names its meshes; "" if none was from XML.

    MuJoCo remembers that one alone: hence as soon as the environment is made.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.xml"
        try:
            mujoco.mj_saveLastXML(str(path), model)
        except mujoco.FatalError:
            return ""
        return path.read_text()
