"""An algorithm: the actor repeats the demonstrations, by the squared error of its actions."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from calql_vision.agents import Agent, AgentConfig, Algorithm
from calql_vision.agents.networks import mlp
from calql_vision.configs import option
from calql_vision.types import FeatureBatch, Metrics, Observation


@dataclass
class SquaredErrorConfig(AgentConfig):
    """Its own options, besides those of every algorithm."""

    name: str = "squared_error"
    label: str = "squared_error"
    decay: float = option(0.0, "weight of the actions' own squares")


class SquaredError(Agent):
    """A deterministic actor, which trains the encoder itself, because there is no critic."""

    config: SquaredErrorConfig

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.actor = mlp(self.encoder_config.features, self.config.hidden, self.action_dim)
        self.to(self.device)
        trained = [*self.encoder.parameters(), *self.actor.parameters()]
        self.add_optimizer("actor", trained, self.config.actor_lr)

    def losses(self, batch: FeatureBatch) -> tuple[dict[str, Tensor], Metrics]:
        action = torch.tanh(self.actor(batch.features))
        error = (action - batch.action).square().mean()
        loss = error + self.config.decay * action.square().mean()
        return {"actor": loss}, {"actor_loss": loss.detach(), "squared_error": error.detach()}

    def policy_action(self, observation: Observation, deterministic: bool) -> Tensor:
        return torch.tanh(self.actor(self.encoder(observation)))


ALGORITHM = Algorithm(SquaredError, SquaredErrorConfig)
