"""robosuite's tasks behind the contract of `PixelEnv`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict

from calql_vision.envs.rendering import Cameras
from calql_vision.envs.robosuite import robots
from calql_vision.envs.robosuite.arguments import current_arguments
from calql_vision.envs.robosuite.simulation import Simulation, robosuite
from calql_vision.types import EnvObservation, EnvSpec

CAMERAS = ("agentview", "robot0_eye_in_hand")
PROPRIO = ("robot0_eef_pos", "robot0_eef_quat", "robot0_gripper_qpos")
HORIZON = 400  # robomimic's, of all its tasks for one arm but ToolHang
#: Those with a scripted expert: twice as many steps as it needs without noise.
HORIZONS = {"Lift": 60, "Stack": 120, "PickPlaceCan": 200, "ToolHang": 700}
PICTURE_SIZE = (256, 256)
COLLISION_SHAPES = 0  # the group of geoms that robosuite does not show


class RobosuiteEnv(gymnasium.Env):
    """One robosuite task for one arm, seen by its cameras.

    Action: the controller's, each number in [-1, 1]; by default the end effector's motion (x, y, z
    by 50 mm, rotation by 0.5 rad) and the grip, -1 open, 1 closed. Reward 1 on success, which
    terminates.

    `cameras` of the task; `image_size` in pixels; `horizon` in steps (None: HORIZONS');
    `proprio_keys`: robosuite's observables in order; `pretty` draws as robosuite itself does, with
    shadows, reflections and smooth edges, at a third of the speed; `controller` is the arm's by
    robosuite's name (None: the robot's own, or `controller_configs`); `arguments` are robosuite's
    own, of the version `env_version`. Images are those that robomimic stores, upright.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012 (Gymnasium's)

    def __init__(
        self,
        task: str,
        cameras: Sequence[str] = CAMERAS,
        *,
        image_size: tuple[int, int],
        horizon: int | None = None,
        proprio_keys: Sequence[str] = PROPRIO,
        pretty: bool = False,
        controller: str | None = None,
        env_version: str | None = None,
        render_mode: str = "rgb_array",
        **arguments: Any,
    ) -> None:
        _check_sizes(image_size, horizon)
        installed = robosuite.__version__
        robot = robots.spelled(arguments.get("robots", ["Panda"]))
        arguments = {"control_freq": 20} | arguments | {"robots": robot}
        if controller is not None:
            named = robots.named_controller(controller, robot)
            arguments["controller_configs"] = named
        arguments = current_arguments(arguments, env_version, installed)
        self.task, self.render_mode = task, render_mode
        self.simulation = Simulation(task, arguments)
        self._check_names(cameras, proprio_keys)
        self._pretty = pretty
        width = self.simulation.env.action_dim
        self.pixel_spec = EnvSpec(
            name=f"robosuite/{task}",
            cameras=tuple(cameras),
            image_size=(image_size[0], image_size[1]),
            proprio=self._choose_proprio(proprio_keys),
            action_dim=width,
            horizon=HORIZONS.get(task, HORIZON) if horizon is None else horizon,
            control_hz=float(self.simulation.env.control_freq),
            kwargs=self._further(arguments, installed, proprio_keys, pretty),
        )
        self.action_space = Box(-1.0, 1.0, (width,), np.float32)
        self.observation_space = Dict(
            images=Box(0, 255, (len(cameras), *image_size, 3), np.uint8),
            proprio=Box(-100.0, 100.0, (self.pixel_spec.proprio_dim,), np.float32),
        )
        self._cameras: Cameras | None = None
        self._picture: Cameras | None = None

    def _further(
        self, arguments: dict[str, Any], installed: str, proprio_keys: Sequence[str], pretty: bool
    ) -> dict[str, Any]:
        """What rebuilds this environment besides the spec's own fields, plain data."""
        robot = self.simulation.robot
        controllers = {"controller_configs": robot.composite_controller_config}
        ours: dict[str, Any] = {"pretty": True} if pretty else {}
        if tuple(proprio_keys) != PROPRIO:
            ours["proprio_keys"] = list(proprio_keys)
        return controllers | arguments | ours | {"env_version": installed}

    def _check_names(self, cameras: Sequence[str], proprio_keys: Sequence[str]) -> None:
        env = self.simulation.env
        for given, words, valid in (
            ("cameras", cameras, env.sim.model.camera_names),
            ("proprio_keys", proprio_keys, sorted(env.observation_names)),
        ):
            if isinstance(words, str) or not words or not set(words) <= set(valid):
                raise ValueError(f"{given}={words!r}; give a list out of {', '.join(valid)}")

    def _choose_proprio(self, keys: Sequence[str]) -> dict[str, int]:
        """Leave these observables on and no others; name -> width."""
        env = self.simulation.env
        for name in env.observation_names:
            for attribute in ("enabled", "active"):
                env.modify_observable(name, attribute, name in keys)
        return {name: values.size for name, values in self._sense(keys).items()}

    # The arm ------------------------------------------------------------------------------------

    @property
    def controller(self) -> str:
        """The arm controller's name, as robosuite spells it."""
        return self._part.name

    def controllers_taking(self, width: int) -> list[str]:
        """Names of the arm controllers whose actions have `width` numbers."""
        gripper = self.pixel_spec.action_dim - self._part.control_dim
        return robots.controllers_taking(width, self._part.joint_dim, gripper)

    @property
    def _part(self) -> Any:
        robot = self.simulation.robot
        return robot.part_controllers[robot.arms[0]]

    # Gymnasium --------------------------------------------------------------------------------

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[EnvObservation, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        model = self.simulation.model
        self.simulation.start(int(self.np_random.integers(2**63)))
        if self.simulation.model is not model:
            self._drop_cameras()
        return self._observe(), {"success": False}

    def step(self, action: np.ndarray) -> tuple[EnvObservation, float, bool, bool, dict[str, Any]]:
        self.simulation.advance(self._checked(action))
        success = self.simulation.is_success()
        truncated = not success and self.simulation.steps >= self.pixel_spec.horizon
        return self._observe(), float(success), success, truncated, {"success": success}

    def render(self) -> np.ndarray:
        """The first of the task's cameras as robosuite draws it, uint8 [256, 256, 3]."""
        if self._picture is None:
            self._picture = self._new_cameras(CAMERAS[:1], PICTURE_SIZE, pretty=True)
        return self._picture.render(self.simulation.data)[0]

    def close(self) -> None:
        self._drop_cameras()
        self.simulation.close()

    # States -----------------------------------------------------------------------------------

    def get_state(self) -> np.ndarray:
        """Everything that the future depends on, float64 [S]; begins as robosuite's own does."""
        return self.simulation.get_state()

    def set_state(self, state: np.ndarray) -> EnvObservation:
        """Restore `get_state`'s state, or robosuite's own: time, qpos, qvel.

        Raises ValueError for a state of another model.
        """
        self.simulation.set_state(state)
        return self._observe()

    def is_success(self) -> bool:
        """Whether the task is solved in the present state, also one that was restored."""
        self.simulation.update_contacts()
        return self.simulation.is_success()

    def model_xml(self) -> str:
        """The simulator's model as it stands, MJCF."""
        return self.simulation.model_xml()

    def load_model(self, xml: str) -> None:
        """Go on in a demo's own model, until the next reset; a state should follow.

        Raises ValueError for a model that is not of this task and robot.
        """
        self._drop_cameras()
        self.simulation.load_model(xml)

    # Observations -----------------------------------------------------------------------------

    def _observe(self) -> EnvObservation:
        if self._cameras is None:
            spec = self.pixel_spec
            self._cameras = self._new_cameras(spec.cameras, spec.image_size, self._pretty)
        proprio = np.concatenate(list(self._sense(list(self.pixel_spec.proprio)).values()))
        return {
            "images": self._cameras.render(self.simulation.data),
            "proprio": proprio.astype(np.float32),
        }

    def _sense(self, keys: Sequence[str]) -> dict[str, np.ndarray]:
        found = self.simulation.env._get_observations(force_update=True)
        return {key: np.atleast_1d(found[key]) for key in keys}

    def _new_cameras(
        self, names: Sequence[str], size: tuple[int, int], pretty: bool = False
    ) -> Cameras:
        hidden = (COLLISION_SHAPES,)
        return Cameras(self.simulation.model, names, size, pretty, hidden, cull=True)

    def _drop_cameras(self) -> None:
        for cameras in (self._cameras, self._picture):
            if cameras is not None:
                cameras.close()
        self._cameras = self._picture = None

    def _checked(self, action: np.ndarray) -> np.ndarray:
        action, width = np.asarray(action, dtype=np.float64), self.pixel_spec.action_dim
        if action.shape != (width,):
            raise ValueError(f"action has shape {action.shape}; {self.task} takes ({width},)")
        if not np.isfinite(action).all():
            raise ValueError(f"action {action} is not finite; look at the policy's output")
        return np.clip(action, -1.0, 1.0)


def _check_sizes(image_size: Sequence[int], horizon: int | None) -> None:
    if len(image_size) != 2 or min(image_size) < 1:
        raise ValueError(f"image_size={image_size!r}; give (height, width) in pixels")
    if horizon is not None and horizon < 1:
        raise ValueError(f"horizon={horizon}; give at least 1 step")
