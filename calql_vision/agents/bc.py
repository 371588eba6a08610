"""Behaviour cloning: the actor maximises the likelihood of the demonstrations."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from calql_vision.agents.agent import Agent
from calql_vision.agents.config import AgentConfig, OnlineConfig, initial_std
from calql_vision.agents.losses import regression_loss
from calql_vision.agents.networks import GaussianActor
from calql_vision.types import FeatureBatch, Metrics


@dataclass
class BCConfig(AgentConfig):
    """Nothing is learnt from its own episodes: online the policy stays as it is."""

    name: str = "bc"
    label: str = "bc"
    initial_std: float = initial_std()
    online: OnlineConfig = field(default_factory=lambda: OnlineConfig(updates_per_step=0.0))


class BC(Agent):
    """A Gaussian actor, which trains the encoder itself, because there is no critic."""

    config: BCConfig

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        config, width = self.config, self.encoder_config.features
        self.actor = GaussianActor(width, self.action_dim, config.hidden, config.initial_std)
        self.add_slow_actor()
        self.to(self.device)
        seeing = [*self.acting_encoder.parameters(), *self.actor.parameters()]
        self.add_optimizer("actor", seeing, self.config.actor_lr)

    def losses(self, batch: FeatureBatch) -> tuple[dict[str, Tensor], Metrics]:
        # The features of critics carry the gradient into the encoder, unless the actor has its own.
        features = batch.features if self.actor_encoder is None else batch.actor_features
        log_prob = self.actor(features).log_prob(batch.action)
        loss = regression_loss(log_prob, torch.ones_like(log_prob))
        return {"actor": loss}, {"actor_loss": loss.detach()}
