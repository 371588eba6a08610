"""What all tabletop tasks share: the hand's control, observations, states, the episode's end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict

from calql_vision.envs.rendering import Cameras, load_mujoco
from calql_vision.envs.tabletop import IMAGE_SIZE
from calql_vision.envs.tabletop.scene import JAW, WORKSPACE, scene_xml
from calql_vision.types import EnvObservation, EnvSpec

mujoco = load_mujoco()

CONTROL_HZ = 10.0
CAMERAS = ("front", "wrist")
STEP = 0.030  # metres that the hand's target moves per unit of action
LEAD = 0.045  # metres by which the target may lead the hand, so that it cannot wind up
PICTURE_SIZE = (256, 256)
_STATE = mujoco.mjtState.mjSTATE_INTEGRATION


class TabletopEnv(gymnasium.Env, ABC):
    """A hand over a table. A task says which things there are, where they start, what is success.

    Action [dx, dy, dz, grip] in [-1, 1]: the hand's target moves by 30 mm per unit; grip is the
    opening asked for, from -1 (open) to 1 (closed). Reward 1 on success, which terminates.

    `cameras` out of "front" and "wrist"; `image_size` in pixels; `horizon` in steps (None: the
    task's own); `start_region` from 0 to 1 scales the region of random starts about its middle.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012 (Gymnasium's)
    task: ClassVar[str]
    default_horizon: ClassVar[int]
    things: ClassVar[str]  # MJCF
    starts_open: ClassVar[bool] = True

    def __init__(
        self,
        cameras: Sequence[str] = CAMERAS,
        image_size: tuple[int, int] = (IMAGE_SIZE, IMAGE_SIZE),
        horizon: int | None = None,
        start_region: float = 1.0,
        render_mode: str = "rgb_array",
    ) -> None:
        _check_arguments(cameras, image_size, horizon, start_region)
        self.render_mode = render_mode
        self.start_region = float(start_region)
        self.model = mujoco.MjModel.from_xml_string(self.model_xml())
        self.data = mujoco.MjData(self.model)
        self.pixel_spec = EnvSpec(
            name=f"tabletop/{self.task}",
            cameras=tuple(cameras),
            image_size=(image_size[0], image_size[1]),
            proprio={"robot0_eef_pos": 3, "robot0_gripper_qpos": 1},
            action_dim=4,
            horizon=self.default_horizon if horizon is None else horizon,
            control_hz=CONTROL_HZ,
            kwargs={"start_region": self.start_region},
        )
        self.action_space = Box(-1.0, 1.0, (4,), np.float32)
        self.observation_space = Dict(
            images=Box(0, 255, (len(cameras), *image_size, 3), np.uint8),
            proprio=Box(-1.0, 1.0, (self.pixel_spec.proprio_dim,), np.float32),
        )
        self._cameras: Cameras | None = None
        self._picture: Cameras | None = None
        self._substeps = round(1 / (CONTROL_HZ * self.model.opt.timestep))

    # What a task says -------------------------------------------------------------------------

    @abstractmethod
    def place_things(self, random: np.random.Generator) -> None:
        """Put the things where this episode starts, within `start_region`."""

    @abstractmethod
    def is_success(self) -> bool:
        """Whether the goal is reached now."""

    # Gymnasium --------------------------------------------------------------------------------

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[EnvObservation, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        mujoco.mj_resetData(self.model, self.data)
        opening = JAW if self.starts_open else 0.0
        hand = self.np_random.uniform((-0.02, -0.02, 0.11), (0.02, 0.02, 0.13))
        self.data.qpos[:5] = self.data.ctrl[:] = [*hand, opening / 2, opening / 2]
        self.place_things(self.np_random)
        return self._observe(), {"success": False}

    def step(self, action: np.ndarray) -> tuple[EnvObservation, float, bool, bool, dict[str, Any]]:
        action = _checked_action(action)
        data = self.data
        target = np.clip(data.ctrl[:3] + STEP * action[:3], self.hand - LEAD, self.hand + LEAD)
        data.ctrl[:3] = np.clip(target, *WORKSPACE)
        data.ctrl[3:] = JAW / 2 * (1 - action[3]) / 2
        mujoco.mj_step(self.model, data, self._substeps)
        observation = self._observe()
        success = self.is_success()
        truncated = not success and self.steps >= self.pixel_spec.horizon
        return observation, float(success), success, truncated, {"success": success}

    def render(self) -> np.ndarray:
        """The front camera with shadows, uint8 [256, 256, 3]."""
        if self._picture is None:
            self._picture = Cameras(self.model, ["front"], PICTURE_SIZE, pretty=True)
        self._update_poses()
        return self._picture.render(self.data)[0]

    def close(self) -> None:
        for cameras in (self._cameras, self._picture):
            if cameras is not None:
                cameras.close()
        self._cameras = self._picture = None

    # States -----------------------------------------------------------------------------------

    @property
    def hand(self) -> np.ndarray:
        """Where the point between the fingertips is, [3] in metres."""
        return self.data.qpos[:3]

    @property
    def opening(self) -> float:
        """Between the fingers, in metres."""
        return float(self.data.qpos[3] + self.data.qpos[4])

    @property
    def steps(self) -> int:
        """Since the reset. The clock is part of the state, so a restored state knows its step."""
        return round(self.data.time * CONTROL_HZ)

    def get_state(self) -> np.ndarray:
        """Everything that the future depends on, float64 [S].

        MuJoCo's integration state: time, positions, velocities, control targets, goals (mocap
        poses) and the solver's warm start.
        """
        state = np.empty(mujoco.mj_stateSize(self.model, _STATE))
        mujoco.mj_getState(self.model, self.data, state, _STATE)
        return state

    def set_state(self, state: np.ndarray) -> EnvObservation:
        """Restore `get_state`'s state. Raises ValueError for a state of another model."""
        size = mujoco.mj_stateSize(self.model, _STATE)
        state = np.asarray(state, dtype=np.float64)
        if state.shape != (size,):
            raise ValueError(f"state has shape {state.shape}; {self.task} takes ({size},)")
        mujoco.mj_resetData(self.model, self.data)
        mujoco.mj_setState(self.model, self.data, state, _STATE)
        return self._observe()

    @classmethod
    def model_xml(cls) -> str:
        """The model as MJCF text, the same for every episode of the task."""
        return scene_xml(cls.task, cls.things)

    def _observe(self) -> EnvObservation:
        if self._cameras is None:
            spec = self.pixel_spec
            self._cameras = Cameras(self.model, spec.cameras, spec.image_size)
        self._update_poses()
        proprio = np.array([*self.hand, self.opening], dtype=np.float32)
        return {"images": self._cameras.render(self.data), "proprio": proprio}

    def _update_poses(self) -> None:
        """After a step, poses still are those of before it. The warm start stays untouched."""
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_camlight(self.model, self.data)


def _checked_action(action: np.ndarray) -> np.ndarray:
    action = np.asarray(action, dtype=np.float64)
    if action.shape != (4,):
        raise ValueError(f"action has shape {action.shape}; give (4,): dx, dy, dz, grip")
    if not np.isfinite(action).all():
        raise ValueError(f"action {action} is not finite; look at the policy's output")
    return np.clip(action, -1.0, 1.0)


def _check_arguments(
    cameras: Sequence[str], image_size: Sequence[int], horizon: int | None, start_region: float
) -> None:
    unknown = [name for name in cameras if name not in CAMERAS]
    if isinstance(cameras, str) or unknown or not cameras:
        raise ValueError(f"cameras={cameras!r}; give a list out of {', '.join(CAMERAS)}")
    if len(image_size) != 2 or min(image_size) < 1:
        raise ValueError(f"image_size={image_size!r}; give (height, width) in pixels")
    if horizon is not None and horizon < 1:
        raise ValueError(f"horizon={horizon}; give at least 1 step")
    if not 0.0 <= start_region <= 1.0:
        raise ValueError(f"start_region={start_region} is outside 0..1")
