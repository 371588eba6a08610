"""Agents into checkpoints and back."""

from dataclasses import asdict
from zlib import crc32

import torch

from calql_vision.agents import Agent
from calql_vision.agents.ranks import rank, rank_seed
from calql_vision.agents.soft import SoftAgent
from calql_vision.engine.exported import stored_agent
from calql_vision.engine.stored_tensors import check_moments, check_weights
from calql_vision.runs.checkpoint import CheckpointFile
from calql_vision.runs.config import RunConfig
from calql_vision.types import EnvSpec


class Checkpoint(CheckpointFile):
    """A checkpoint that is made of an agent, and becomes one again."""

    @classmethod
    def of(
        cls,
        agent: Agent,
        env: EnvSpec,
        config: RunConfig,
        stage: str,
        env_steps: int,
        selected: bool = False,
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
            selected=selected,
        )

    def build(self, device: torch.device, seed: int = 0) -> Agent:
        """The agent as it was saved."""
        agent = stored_agent(self, device, seed)
        self.restore(agent)
        return agent

    def restore(self, agent: Agent) -> None:
        """Weights, optimizers and random numbers into an agent of the same shape.

        Every weight must have its counterpart. An optimizer that only one side has, because
        another configuration trains the same weights, is dropped or starts afresh. What the
        agent's own configuration says of rates and temperature holds, not the checkpoint's.
        Raises ValueError for what does not fit.
        """
        check_weights(agent, self.weights)
        agent.load_state_dict(self.weights)
        for name in self.optimizers.keys() & agent.optimizers.keys():
            optimizer, moments = agent.optimizers[name], self.optimizers[name].get("state")
            check_moments(name, moments, optimizer)
            own = optimizer.state_dict()["param_groups"]
            agent.load_optimizer(name, {"state": moments, "param_groups": own})
        temperature = self.algo.get("initial_temperature")
        if isinstance(agent, SoftAgent) and agent.config.initial_temperature != temperature:
            agent.reset_temperature()
        agent.updates = self.updates
        if rank() > 0:  # whose own random numbers follow from those of rank 0
            agent.generator.manual_seed(rank_seed(crc32(self.generator.numpy().tobytes()), rank()))
        elif self.generator.shape == agent.generator.get_state().shape:  # else: of another device
            _set_generator(agent.generator, self.generator)

    def checksum(self) -> int:
        """Of the weights."""
        found = 0
        for value in self.weights.values():
            found = crc32(value.numpy().tobytes(), found)
        return found


def _set_generator(generator: torch.Generator, state: torch.Tensor) -> None:
    try:
        generator.set_state(state)
    except RuntimeError as error:
        raise ValueError("the checkpoint's state of random numbers is damaged") from error
