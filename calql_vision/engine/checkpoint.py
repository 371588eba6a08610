"""Self-contained checkpoints: everything that acting or further training needs, in one file."""

from dataclasses import asdict, dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from calql_vision.agents import AGENTS, Agent, build_agent
from calql_vision.agents.config import with_options
from calql_vision.datasets.whole_file import whole_file
from calql_vision.encoders.pixels import EncoderConfig
from calql_vision.types import EnvSpec

FORMAT = 2  # 1: no averaged encoder, `separate_actor` among the options of the encoder


@dataclass(frozen=True)
class Checkpoint:
    """Plain values and tensors only, so that `weights_only=True` loads it."""

    algo: dict[str, Any]  # AgentConfig
    encoder: dict[str, Any]  # EncoderConfig: augmentation, frame stack, size
    env: dict[str, Any]  # EnvSpec: cameras in order, image size, proprioception
    reward: dict[str, Any]  # RewardConfig
    discount: float
    config: dict[str, Any]  # the stage's whole configuration
    weights: dict[str, torch.Tensor]
    optimizers: dict[str, Any]
    generator: torch.Tensor  # state of the agent's own random numbers
    updates: int  # gradient steps so far, offline and online
    env_steps: int  # online environment steps so far
    versions: dict[str, str] = field(
        default_factory=lambda: {n: version(n) for n in ("torch", "mujoco", "calql-vision")}
    )
    format: int = FORMAT

    @classmethod
    def of(
        cls,
        agent: Agent,
        env: EnvSpec,
        reward: dict[str, Any],
        discount: float,
        config: dict[str, Any],
        env_steps: int,
    ) -> "Checkpoint":
        """A snapshot of `agent`."""
        return cls(
            algo=asdict(agent.config),
            encoder=asdict(agent.encoder_config),
            env=env.to_dict(),
            reward=reward,
            discount=discount,
            config=config,
            weights=agent.state_dict(),
            optimizers={name: o.state_dict() for name, o in agent.optimizers.items()},
            generator=agent.generator.get_state(),
            updates=agent.updates,
            env_steps=env_steps,
        )

    def save(self, path: Path) -> None:
        """Whole or not at all."""
        with whole_file(path) as partial:
            torch.save({f.name: getattr(self, f.name) for f in fields(self)}, partial)

    @classmethod
    def load(cls, path: Path) -> "Checkpoint":
        """Raises ValueError, in one sentence, for what is not a checkpoint of ours."""
        if not path.is_file():
            raise ValueError(f"{path}: no such checkpoint; run the stage before this one first")
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
        except (
            RuntimeError,
            EOFError,
            ValueError,
            KeyError,
            torch.serialization.pickle.UnpicklingError,
        ) as error:
            raise ValueError(f"{path} is damaged or no checkpoint; train again") from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ValueError(f"{path} is no checkpoint of format {FORMAT}; train again")
        return cls(**content)

    @property
    def spec(self) -> EnvSpec:
        return EnvSpec.from_dict(self.env)

    def build(self, device: torch.device, seed: int = 0) -> Agent:
        """The agent as it was saved."""
        config = with_options(AGENTS[self.algo["name"]][1](), self.algo)
        agent = build_agent(self.spec, config, EncoderConfig(**self.encoder), device, seed)
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
        if vars(agent.config).get("initial_temperature") != self.algo.get("initial_temperature"):
            agent.reset_temperature()
        agent.updates = self.updates
        if agent.device.type == "cpu":  # a GPU's generator has a state of another kind
            agent.generator.set_state(self.generator)
