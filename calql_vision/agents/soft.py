"""Soft actor-critic on features (Haarnoja et al., arXiv 1812.05905), the root of the kin."""

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from calql_vision.agents.agent import Agent, critic_metrics
from calql_vision.agents.config import CriticConfig
from calql_vision.losses import actor_loss, temperature_loss, temporal_difference_loss
from calql_vision.networks import EnsembleCritic, TanhGaussianActor
from calql_vision.types import FeatureBatch, Metrics, Observation


@dataclass
class SoftConfig(CriticConfig):
    """Options of the official code, under the field's names."""

    n_actions: int = 4  # N, sampled per state; the official code takes 10, at twice the time
    max_target_backup: bool = True  # the best of N next actions in the target
    backup_entropy: bool = False  # subtract temperature x log-probability in the target
    automatic_temperature: bool = True
    initial_temperature: float = 0.1  # the official 1 spends the first thousands of updates falling
    target_entropy: float | None = None  # null: minus the number of action dimensions
    bc_updates: int = 0  # first updates in which the actor clones behaviour instead


@dataclass(frozen=True)
class SampledActions:
    """Every action that one update draws from the policy."""

    new: Tensor  # [B, A] at s, with gradient into the actor
    new_log_prob: Tensor  # [B]
    target: Tensor  # [B, N, A] at s' (N = 1 without max_target_backup)
    target_log_prob: Tensor  # [B, N]


class SoftAgent(Agent):
    """SAC with an ensemble of critics; its subclass adds the conservative term."""

    config: SoftConfig

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        config, action_dim = self.config, self.action_dim
        self.target_entropy = (
            -float(action_dim) if config.target_entropy is None else config.target_entropy
        )
        width = self.encoder_config.features
        self.critic = EnsembleCritic(
            width, action_dim, config.hidden, config.critics, config.layer_norm
        )
        self.target_critic = deepcopy(self.critic).requires_grad_(False)
        self.actor = TanhGaussianActor(width, action_dim, config.hidden)
        self.log_temperature = nn.Parameter(torch.tensor(config.initial_temperature).log())
        self.to(self.device)
        self.add_optimizer("critic", self.critic_parameters(self.critic), config.critic_lr)
        self.add_optimizer("actor", self.actor_parameters(self.actor), config.actor_lr)
        if config.automatic_temperature:
            self.add_optimizer("temperature", [self.log_temperature], config.actor_lr)

    @property
    def temperature(self) -> Tensor:
        return self.log_temperature.detach().exp()

    def targets(self) -> list[tuple[nn.Module, nn.Module]]:
        return [(self.target_critic, self.critic)]

    def sample_actions(self, batch: FeatureBatch) -> SampledActions:
        """Draw what `losses` needs; apart from it, so that both can be checked alone."""
        size, count = len(batch.action), self.config.n_actions
        policy = self.actor(batch.actor_features)
        new, new_log_prob = policy.sample(self.randn(size, self.action_dim))
        with torch.no_grad():
            next_policy = self.actor(batch.next_actor_features)
            backups = count if self.config.max_target_backup else 1
            target = next_policy.sample(self.randn(size, backups, self.action_dim))
        return SampledActions(new, new_log_prob, *target)

    def losses(
        self, batch: FeatureBatch, samples: SampledActions | None = None
    ) -> tuple[dict[str, Tensor], Metrics]:
        samples = samples or self.sample_actions(batch)
        critic, metrics = self.critic_losses(batch, samples)
        q_new = self.policy_value(self.critic(batch.features.detach(), samples.new))
        losses = critic | {"actor": self._actor_loss(batch, samples, q_new)}
        if self.config.automatic_temperature:
            losses["temperature"] = temperature_loss(
                self.log_temperature, samples.new_log_prob, self.target_entropy
            )
        metrics |= {
            "actor_loss": losses["actor"].detach(),
            "q_policy": q_new.detach().mean(),
            "entropy": -samples.new_log_prob.detach().mean(),
            "temperature": self.temperature,
        }
        return losses, metrics

    def _actor_loss(self, batch: FeatureBatch, samples: SampledActions, q_new: Tensor) -> Tensor:
        """SAC's; at first, if asked, the likelihood of the data in the place of Q.

        The warm start of the official CQL code (`policy_eval_start` there), which leaves the
        entropy term in.
        """
        if self.updates < self.config.bc_updates:
            q_new = self.actor(batch.actor_features).log_prob(batch.action)
        return actor_loss(q_new, samples.new_log_prob, self.temperature)

    def policy_value(self, q: Tensor) -> Tensor:
        """What the actor climbs, of every critic's q [E, B]: the least, [B]."""
        return q.amin(0)

    def target_value(self, q: Tensor) -> Tensor:
        """What the target trusts, of every critic's q [E, B, N]: the least, [B, N]."""
        return q.amin(0)

    def critic_losses(
        self, batch: FeatureBatch, samples: SampledActions
    ) -> tuple[dict[str, Tensor], Metrics]:
        """The temporal-difference loss alone; keys are names of optimizers."""
        q_data = self.critic(batch.features, batch.action)
        loss = temporal_difference_loss(q_data, self.td_target(batch, samples))
        return {"critic": loss}, critic_metrics(batch, q_data, loss)

    @torch.no_grad()
    def td_target(self, batch: FeatureBatch, samples: SampledActions) -> Tensor:
        """reward + discount x (best of N) min over critics of Q_target(s', a'): [B]."""
        q = self.target_value(self.target_critic(batch.next_features, samples.target))
        value, chosen = q.max(dim=1, keepdim=True)
        if self.config.backup_entropy:
            value = value - self.temperature * samples.target_log_prob.gather(1, chosen)
        return batch.reward + batch.discount * value.squeeze(1)

    @torch.no_grad()
    def state_value(self, observation: Observation) -> Tensor:
        """Observations (any device) -> the target critics' value of the mean policy there: [B]."""
        observation = observation.to(self.device)
        action = self.actor(self.acting_encoder(observation)).mode
        return self.target_critic(self.encoder(observation), action).amin(0)
