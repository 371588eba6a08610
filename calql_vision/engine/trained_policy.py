"""Trained agents from files, ready to act."""

from pathlib import Path

import numpy as np

from calql_vision.agents import Agent
from calql_vision.engine.checkpoint import Checkpoint
from calql_vision.engine.device import choose_device
from calql_vision.engine.environments import spec_env
from calql_vision.engine.exported import ExportedAgent
from calql_vision.engine.policy import AgentPolicy
from calql_vision.types import EnvObservation, EnvSpec, PixelEnv

Trained = Checkpoint | ExportedAgent


class TrainedPolicy(AgentPolicy):
    """An agent's policy that knows the environment it was trained in.

    `spec` says which observations it takes: {"images": uint8 [V, H, W, 3], "proprio": float32 [P]}.
    """

    def __init__(self, agent: Agent, deterministic: bool, spec: EnvSpec):
        super().__init__(agent, deterministic)
        self.spec = spec

    def act(self, observation: EnvObservation) -> np.ndarray:
        """One observation -> action float32 [A] in [-1, 1].

        Raises ValueError for what is not an observation as `spec` says.
        """
        check_observation(observation, self.spec)
        return super().act(observation)

    def command(self, action: np.ndarray) -> np.ndarray:
        """An action in [-1, 1] in the robot's own units, float32 [A].

        They are known where `convert rescale_actions=true` took them from the recordings; other
        actions come back as they are.
        """
        if self.spec.action_range is None:
            return action
        low, high = np.array(self.spec.action_range, dtype=np.float32)
        return low + (action + 1) / 2 * (high - low)

    def make_env(self) -> PixelEnv:
        """A new environment like the one it was trained in."""
        return spec_env(self.spec)


def check_observation(observation: EnvObservation, spec: EnvSpec) -> None:
    """ValueError for arrays of another shape or type than the policy was trained with."""
    if not {"images", "proprio"} <= observation.keys():
        raise ValueError(f"an observation has images and proprio, not {', '.join(observation)}")
    images = (len(spec.cameras), *spec.image_size, 3)
    for name, shape, kind in (
        ("images", images, np.uint8),
        ("proprio", (spec.proprio_dim,), np.float32),
    ):
        found = np.asarray(observation[name])
        if found.shape != shape or found.dtype != kind:
            named = ", ".join(spec.cameras if name == "images" else spec.proprio)
            raise ValueError(
                f"{name} are {found.dtype} {found.shape}, but the policy was trained with "
                f"{np.dtype(kind)} {shape}: {named}"
            )


def open_trained(path: Path) -> Trained:
    """A checkpoint.pt, or the folder of an exported policy. Raises ValueError for neither."""
    return ExportedAgent.load(path) if path.is_dir() else Checkpoint.load(path)


def load_policy(
    path: str | Path, device: str = "auto", deterministic: bool = True
) -> TrainedPolicy:
    """The trained agent of a checkpoint.pt or of an exported folder, ready to act:
    `policy.act(observation)` -> action.

    Call `policy.reset()` before each episode. `device` is auto, cpu or cuda. Raises ValueError for
    what is neither.
    """
    trained = open_trained(Path(path))
    return TrainedPolicy(trained.build(choose_device(device)), deterministic, trained.spec)
