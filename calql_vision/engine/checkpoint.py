"""Agents into checkpoints and back."""

from dataclasses import asdict
from pathlib import Path
from zlib import crc32

import numpy as np
import torch

from calql_vision.agents import AGENTS, Agent, build_agent
from calql_vision.agents.config import with_options
from calql_vision.agents.soft import SoftAgent
from calql_vision.encoders import ENCODERS
from calql_vision.engine.device import choose_device
from calql_vision.engine.environments import spec_env
from calql_vision.engine.policy import AgentPolicy
from calql_vision.runs.checkpoint import CheckpointFile
from calql_vision.runs.config import RunConfig
from calql_vision.types import EnvObservation, EnvSpec, PixelEnv


class Checkpoint(CheckpointFile):
    """A checkpoint that is made of an agent, and becomes one again."""

    @classmethod
    def of(
        cls, agent: Agent, env: EnvSpec, config: RunConfig, stage: str, env_steps: int
    ) -> "Checkpoint":
        """A snapshot of `agent`, trained by `stage` with `config`."""
        return cls(
            stage=stage,
            algo=asdict(agent.config),
            encoder=asdict(agent.encoder_config),
            env=env.to_dict(),
            reward=config.reward,
            discount=config.task.discount,
            config=config,
            weights=agent.state_dict(),
            optimizers={name: o.state_dict() for name, o in agent.optimizers.items()},
            generator=agent.generator.get_state(),
            updates=agent.updates,
            env_steps=env_steps,
        )

    def build(self, device: torch.device, seed: int = 0) -> Agent:
        """The agent as it was saved."""
        config = with_options(AGENTS[self.algo["name"]].options(), self.algo)
        encoder = ENCODERS[self.encoder["name"]](**self.encoder)
        agent = build_agent(self.spec, config, encoder, device, seed)
        self.restore(agent)
        return agent

    def restore(self, agent: Agent) -> None:
        """Weights, optimizers and random numbers into an agent of the same shape.

        Every weight must have its counterpart. An optimizer that only one side has, because
        another configuration trains the same weights, is dropped or starts afresh. What the
        agent's own configuration says of rates and temperature holds, not the checkpoint's.
        """
        agent.load_state_dict(self.weights)
        for name in self.optimizers.keys() & agent.optimizers.keys():
            agent.load_optimizer(name, self.optimizers[name])
        temperature = self.algo.get("initial_temperature")
        if isinstance(agent, SoftAgent) and agent.config.initial_temperature != temperature:
            agent.reset_temperature()
        agent.updates = self.updates
        if self.generator.shape == agent.generator.get_state().shape:  # else: of another device
            agent.generator.set_state(self.generator)

    def checksum(self) -> int:
        """Of the weights."""
        found = 0
        for value in self.weights.values():
            found = crc32(value.numpy().tobytes(), found)
        return found


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


def load_policy(
    path: str | Path, device: str = "auto", deterministic: bool = True
) -> TrainedPolicy:
    """The trained agent of a checkpoint.pt, ready to act: `policy.act(observation)` -> action.

    Call `policy.reset()` before each episode. `device` is auto, cpu or cuda. Raises ValueError for
    what is no checkpoint.
    """
    checkpoint = Checkpoint.load(Path(path))
    return TrainedPolicy(checkpoint.build(choose_device(device)), deterministic, checkpoint.spec)
