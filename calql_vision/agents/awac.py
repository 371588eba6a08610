"""AWAC (Nair et al., arXiv 2006.09359): actor-critic whose actor regresses on good actions."""

from dataclasses import dataclass

import torch
from torch import Tensor

from calql_vision.agents.agent import CriticAgent, critic_metrics
from calql_vision.agents.config import CriticConfig, initial_std
from calql_vision.agents.losses import regression_loss, temporal_difference_loss
from calql_vision.agents.networks import GaussianActor
from calql_vision.configs import option
from calql_vision.types import FeatureBatch, Metrics


@dataclass
class AWACConfig(CriticConfig):
    """The paper's one knob."""

    name: str = "awac"
    label: str = "awac"
    temperature: float = option(
        1.0, "lambda in the paper: the larger, the nearer to behaviour cloning", within="(0, 1e6]"
    )
    initial_std: float = initial_std()


class AWAC(CriticAgent):
    """Q of the policy's own actions, but the actor is only ever shown actions of the data."""

    config: AWACConfig

    def build_actor(self, features: int) -> GaussianActor:
        config = self.config
        return GaussianActor(features, self.action_dim, config.hidden, config.initial_std)

    def losses(self, batch: FeatureBatch) -> tuple[dict[str, Tensor], Metrics]:
        """Equations 4 (critic) and 13 (actor)."""
        q_data = self.critic(batch.features, batch.action)
        policy = self.actor(batch.actor_features)
        advantage = self.advantage(batch, policy.sample(self.randn(*batch.action.shape))[0])
        weight = batch_weight(advantage, self.config.temperature)
        losses = {
            "critic": temporal_difference_loss(q_data, self.td_target(batch)),
            "actor": regression_loss(policy.log_prob(batch.action), weight),
        }
        return losses, {
            **critic_metrics(batch, q_data, losses["critic"]),
            "advantage": advantage.mean(),
            "actor_loss": losses["actor"].detach(),
            "actor_weight": weight.amax(),
        }

    @torch.no_grad()
    def advantage(self, batch: FeatureBatch, policy_action: Tensor) -> Tensor:
        """Q(s, a) - Q(s, pi(s)), each the least of the critics: [B]."""
        actions = torch.stack([batch.action, policy_action], dim=1)
        q_data, q_policy = self.critic(batch.features, actions).amin(0).unbind(1)
        return q_data - q_policy

    @torch.no_grad()
    def td_target(self, batch: FeatureBatch) -> Tensor:
        """reward + discount x min over critics of Q_target(s', a'), a' from the policy: [B]."""
        action, _ = self.actor(batch.next_actor_features).sample(self.randn(*batch.action.shape))
        value = self.target_critic(batch.next_features, action).amin(0)
        return batch.reward + batch.discount * value


def batch_weight(advantage: Tensor, temperature: float) -> Tensor:
    """exp(advantage / temperature) over its mean in the batch: [B].

    As the official code normalises it, with a softmax over the batch.
    """
    return len(advantage) * (advantage / temperature).softmax(0)
