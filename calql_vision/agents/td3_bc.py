"""TD3+BC (Fujimoto and Gu, NeurIPS 2021, arXiv 2106.06860)."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from calql_vision.agents.agent import CriticAgent, critic_metrics
from calql_vision.agents.config import CriticConfig
from calql_vision.agents.losses import temporal_difference_loss
from calql_vision.agents.networks import GaussianActor
from calql_vision.configs import option
from calql_vision.types import FeatureBatch, Metrics


@dataclass
class TD3BCConfig(CriticConfig):
    """The paper's one knob, and TD3's (arXiv 1802.09477)."""

    name: str = "td3_bc"
    label: str = "td3_bc"
    q_weight: float = option(2.5, "alpha in the paper: 0 is behaviour cloning", within="[0, 1e6]")
    policy_delay: int = option(
        2, "updates of the critics per update of actor and targets", within="[1, 1e6]"
    )
    target_noise: float = option(
        0.2, "std of the noise that smooths the target policy", within="[0, 10]"
    )
    target_noise_clip: float = option(
        0.5, "the most that this noise moves an action", within="[0, 10]"
    )
    exploration_noise: float = option(0.1, "std of the noise on online actions", within="[0, 10]")


class TD3BC(CriticAgent):
    """TD3 whose deterministic actor also stays close to the data."""

    config: TD3BCConfig

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.target_actor = deepcopy(self.actor).requires_grad_(False)

    def build_actor(self, features: int) -> GaussianActor:
        noise = self.config.exploration_noise
        return GaussianActor(features, self.action_dim, self.config.hidden, noise, fixed=True)

    def branch(self) -> object:
        return self.delayed

    @property
    def delayed(self) -> bool:
        """Whether this update is one of those that move the critics alone."""
        return self.updates % self.config.policy_delay != 0

    def targets(self) -> list[tuple[nn.Module, nn.Module]]:
        if self.delayed:
            return []
        return [*super().targets(), (self.target_actor, self.actor)]

    def losses(self, batch: FeatureBatch) -> tuple[dict[str, Tensor], Metrics]:
        q_data = self.critic(batch.features, batch.action)
        critic = temporal_difference_loss(q_data, self.td_target(batch))
        action = self.actor(batch.actor_features).mode
        q_policy = self.critic(batch.features.detach(), action)[0]
        cloning = F.mse_loss(action, batch.action)
        actor = cloning - q_scale(q_policy, self.config.q_weight) * q_policy.mean()
        losses = {"critic": critic} if self.delayed else {"critic": critic, "actor": actor}
        return losses, {
            **critic_metrics(batch, q_data, critic),
            "q_policy": q_policy.detach().mean(),
            "actor_loss": actor.detach(),
            "cloning_loss": cloning.detach(),
        }

    @torch.no_grad()
    def td_target(self, batch: FeatureBatch) -> Tensor:
        """reward + discount x min over critics of Q_target(s', smoothed target policy): [B]."""
        limit = self.config.target_noise_clip
        noise = self.config.target_noise * self.randn(*batch.action.shape)
        policy = self.target_actor(batch.next_actor_features)
        action = (policy.mode + noise.clamp(-limit, limit)).clamp(-1, 1)
        value = self.target_critic(batch.next_features, action).amin(0)
        return batch.reward + batch.discount * value


def q_scale(q: Tensor, weight: float) -> Tensor:
    """lambda of equation 5: `weight` over the mean |Q| of the batch, without gradient."""
    return weight / q.detach().abs().mean()
