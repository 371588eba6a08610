"""IQL (Kostrikov et al., ICLR 2022, arXiv 2110.06169): no action outside the data is evaluated."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from calql_vision.agents.agent import CriticAgent, critic_metrics
from calql_vision.agents.config import CriticConfig, initial_std
from calql_vision.agents.losses import expectile_loss, regression_loss, temporal_difference_loss
from calql_vision.agents.networks import GaussianActor, mlp
from calql_vision.configs import option
from calql_vision.types import FeatureBatch, Metrics


@dataclass
class IQLConfig(CriticConfig):
    """The paper's two knobs, and the bound of the official code."""

    name: str = "iql"
    label: str = "iql"
    expectile: float = option(
        0.7, "tau in the paper: 0.5 is the mean, 1 the best action in the data", within="(0, 1)"
    )
    inverse_temperature: float = option(
        3.0, "beta in the paper: 0 is behaviour cloning", within="[0, 1e6]"
    )
    max_weight: float = option(
        100.0, "largest weight of one transition in the actor's loss", within="(0, 1e6]"
    )
    initial_std: float = initial_std()
    averaged_encoder: bool = option(False, "the target is V(s'), which the paper does not average")


class IQL(CriticAgent):
    """An upper expectile of Q as V, Q regressed on V, and the actor on good actions of the data."""

    config: IQLConfig

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.value = mlp(self.encoder_config.features, self.config.hidden, 1).to(self.device)
        self.add_optimizer("value", self.value.parameters(), self.config.critic_lr)

    def build_actor(self, features: int) -> GaussianActor:
        config = self.config
        return GaussianActor(features, self.action_dim, config.hidden, config.initial_std)

    def losses(self, batch: FeatureBatch) -> tuple[dict[str, Tensor], Metrics]:
        """Equations 5 (value), 6 (critic) and 7 (actor)."""
        features = batch.features.detach()
        value = self.value(features).squeeze(-1)
        advantage = self.target_critic(features, batch.action).amin(0) - value
        q_data = self.critic(batch.features, batch.action)
        weight = advantage_weight(
            advantage.detach(), self.config.inverse_temperature, self.config.max_weight
        )
        log_prob = self.actor(batch.actor_features).log_prob(batch.action)
        losses = {
            "critic": temporal_difference_loss(q_data, self.td_target(batch)),
            "value": expectile_loss(advantage, self.config.expectile),
            "actor": regression_loss(log_prob, weight),
        }
        return losses, {
            **critic_metrics(batch, q_data, losses["critic"]),
            "value": value.detach().mean(),
            "value_loss": losses["value"].detach(),
            "actor_loss": losses["actor"].detach(),
            "actor_weight": weight.mean(),
        }

    @torch.no_grad()
    def td_target(self, batch: FeatureBatch) -> Tensor:
        """reward + discount x V(s'): [B]."""
        return batch.reward + batch.discount * self.value(batch.next_features).squeeze(-1)


def advantage_weight(advantage: Tensor, inverse_temperature: float, maximum: float) -> Tensor:
    """exp(inverse_temperature x advantage), at most `maximum`: [B]."""
    return (inverse_temperature * advantage).exp().clamp(max=maximum)
