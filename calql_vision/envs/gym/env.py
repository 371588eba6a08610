"""A Gymnasium environment behind the contract of `PixelEnv`: pixels in, sparse success out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict

from calql_vision.envs.gym.known import known
from calql_vision.envs.gym.proprioception import proprioception
from calql_vision.envs.gym.registered import Registered
from calql_vision.envs.gym.states import ReplayedStates, SimulatorStates, States
from calql_vision.envs.gym.success import success_test
from calql_vision.envs.gym.views import open_views
from calql_vision.types import EnvObservation, EnvSpec


class GymEnv(gymnasium.Env):
    """The registered environment `task`, seen by cameras, with reward 1 on success, which ends it.

    `cameras`: names in the MuJoCo model, or "free", the viewer's own (None: those of `known`, else
    "free"); environments without MuJoCo have one view, "render". `free_camera` changes fields of
    the free one: lookat, distance, azimuth, elevation. `pretty` turns shadows, reflections and
    multisampling on. Proprioception: `joints` by name (None: those with an actuator) and the
    positions of `sites`. `success` names an entry of `info`, or is "terminated" (None: found by
    itself); `reward_threshold`: instead, the reward from which on a step is a success. `horizon`
    in steps (None: the registered limit). Further arguments go to `gymnasium.make`.

    What ends an episode without success, such as a fall, truncates it; `reset` takes no options.
    Raises ValueError for what cannot be.
    """

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012 (Gymnasium's)
    render_mode = "rgb_array"

    def __init__(
        self,
        task: str,
        cameras: Sequence[str] | None = None,
        *,
        image_size: tuple[int, int],
        horizon: int | None = None,
        pretty: bool = False,
        free_camera: Mapping[str, Any] | None = None,
        joints: Sequence[str] | None = None,
        sites: Sequence[str] | None = None,
        success: str | None = None,
        reward_threshold: float | None = None,
        **kwargs: Any,
    ) -> None:
        what = known(task)
        self.inner = Registered(task, kwargs)
        angle = {**what.free_camera, **(free_camera or {})}
        cameras = what.cameras if cameras is None else cameras
        self._views = open_views(self.inner, cameras, image_size, pretty, angle)
        self._proprioception = proprioception(
            self.inner,
            what.joints if joints is None else joints,
            what.sites if sites is None else sites,
        )
        self._succeeded = success_test(self.inner, success or what.success, reward_threshold)
        ours = {
            "pretty": pretty or None,
            "free_camera": free_camera,
            "joints": joints,
            "sites": sites,
            "success": success,
            "reward_threshold": reward_threshold,
        }
        self.pixel_spec = EnvSpec(
            name=f"gym/{task}",
            cameras=tuple(self._views.cameras),
            image_size=(image_size[0], image_size[1]),
            proprio=self._proprioception.widths,
            action_dim=self.inner.action_dim,
            horizon=checked_horizon(task, horizon, self.inner.time_limit),
            control_hz=self.inner.control_hz,
            kwargs={name: value for name, value in ours.items() if value is not None} | kwargs,
        )
        self.metadata = self.metadata | {"render_fps": round(self.pixel_spec.control_hz)}
        self._states = self._open_states(what.memory)
        self.steps, self._success = 0, False
        self.inner.restart(0)
        self._open_spaces()

    def _open_states(self, memory: Sequence[str] | None) -> States:
        if self.inner.simulated and memory is not None:
            return SimulatorStates(self.inner.env, memory)
        return ReplayedStates(self.inner, self.pixel_spec.horizon)

    def _open_spaces(self) -> None:
        spec = self.pixel_spec
        self.action_space = Box(-1.0, 1.0, (spec.action_dim,), np.float32)
        self.observation_space = Dict(
            images=Box(0, 255, (len(spec.cameras), *spec.image_size, 3), np.uint8),
            proprio=Box(-np.inf, np.inf, (spec.proprio_dim,), np.float32),
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[EnvObservation, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        # Always seeded: then an episode depends on nothing that came before.
        inner_seed = int(self.np_random.integers(2**31)) if seed is None else seed
        self.inner.restart(inner_seed)
        self._states.restarted(inner_seed)
        self.steps, self._success = 0, False
        return self._observe(), {"success": False}

    def step(self, action: np.ndarray) -> tuple[EnvObservation, float, bool, bool, dict[str, Any]]:
        action = self._checked_action(action)
        outcome = self.inner.advance(action)
        self._states.stepped(action)
        self.steps += 1
        self._success = success = self._succeeded(outcome)
        over = outcome.terminated or outcome.truncated or self.steps >= self.pixel_spec.horizon
        info = {"success": success}
        return self._observe(), float(success), success, over and not success, info

    def render(self) -> np.ndarray:
        """The first camera, uint8 [256, 256, 3]; without MuJoCo what the environment draws."""
        return self._views.picture()

    def close(self) -> None:
        self._views.close()
        self.inner.outer.close()

    def get_state(self) -> np.ndarray:
        """Step and success, and everything that the future depends on; see `States`."""
        return np.concatenate([[self.steps, self._success], self._states.read()])

    def is_success(self) -> bool:
        """Whether the last step succeeded, which is part of the state."""
        return self._success

    def set_state(self, state: np.ndarray) -> EnvObservation:
        """Restore `get_state`'s state. Raises ValueError for a state of another environment."""
        state = np.asarray(state, dtype=np.float64)
        expected = self.get_state().shape
        if state.shape != expected:
            raise ValueError(
                f"state has shape {state.shape}; {self.pixel_spec.name} takes {expected}"
            )
        self.steps, self._success = int(state[0]), bool(state[1])
        self._states.write(state[2:])
        self.inner.settle()
        return self._observe()

    def model_xml(self) -> str:
        """MuJoCo's model as MJCF, which names its meshes; "" where there is none."""
        return self.inner.model_xml

    def _observe(self) -> EnvObservation:
        return {"images": self._views.render(), "proprio": self._proprioception.read()}

    def _checked_action(self, action: np.ndarray) -> np.ndarray:
        action = np.asarray(action, dtype=np.float64)
        expected = (self.inner.action_dim,)
        if action.shape != expected:
            raise ValueError(f"action has shape {action.shape}; {self.pixel_spec.name} {expected}")
        if not np.isfinite(action).all():
            raise ValueError(f"action {action} is not finite; look at the policy's output")
        return np.clip(action, -1.0, 1.0)


def checked_horizon(task: str, horizon: int | None, registered: int | None) -> int:
    """Steps, the registered limit if none are asked for."""
    steps = registered if horizon is None else horizon
    if steps is None:
        raise ValueError(f"gym/{task} is registered without a time limit; set task.horizon")
    if steps < 1:
        raise ValueError(f"horizon={horizon}; give at least 1 step")
    return steps
