"""Soft actor-critic on features (Haarnoja et al., arXiv 1812.05905), the root of the kin."""

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from calql_vision.agents.agent import Agent, AgentConfig
from calql_vision.encoders.pixels import EncoderConfig, ObservationShape
from calql_vision.losses import actor_loss, temperature_loss, temporal_difference_loss
from calql_vision.networks import EnsembleCritic, TanhGaussianActor
from calql_vision.types import FeatureBatch, Metrics


@dataclass
class SoftConfig(AgentConfig):
    """Options of the official code, under the field's names."""

    critics: int = 2  # E
    layer_norm: bool = True  # in the critics; the official code has none
    n_actions: int = 4  # N, sampled per state; the official code takes 10, at twice the time
    max_target_backup: bool = True  # the best of N next actions in the target
    backup_entropy: bool = False  # subtract temperature x log-probability in the target
    automatic_temperature: bool = True
    initial_temperature: float = 0.1  # the official 1 spends the first thousands of updates falling
    target_entropy: float | None = None  # None: minus the number of action dimensions


@dataclass(frozen=True)
class SampledActions:
    """Every action that one update draws from the policy."""

    new: Tensor  # [B, A] at s, with gradient into the actor
    new_log_prob: Tensor  # [B]
    target: Tensor  # [B, N, A] at s' (N = 1 without max_target_backup)
    target_log_prob: Tensor  # [B, N]


class SoftAgent(Agent):
    """SAC with an ensemble of critics; its subclass adds the conservative term."""

    def __init__(
        self,
        shape: ObservationShape,
        action_dim: int,
        encoder: EncoderConfig,
        config: SoftConfig,
        device: torch.device,
        seed: int,
    ):
        super().__init__(shape, action_dim, encoder, device, seed)
        self.config = config
        self.target_entropy = (
            -float(action_dim) if config.target_entropy is None else config.target_entropy
        )
        width = encoder.features
        self.critic = EnsembleCritic(
            width, action_dim, config.hidden, config.critics, config.layer_norm
        )
        self.target_critic = deepcopy(self.critic).requires_grad_(False)
        self.actor = TanhGaussianActor(width, action_dim, config.hidden)
        self.log_temperature = nn.Parameter(torch.tensor(config.initial_temperature).log())
        self.to(device)
        self.add_optimizer("critic", self.critic_parameters(self.critic), config.critic_lr)
        self.add_optimizer("actor", self.actor_parameters(self.actor), config.actor_lr)
        if config.automatic_temperature:
            self.add_optimizer("temperature", [self.log_temperature], config.actor_lr)

    @property
    def temperature(self) -> Tensor:
        return self.log_temperature.detach().exp()

    def targets(self) -> list[tuple[nn.Module, nn.Module]]:
        return [(self.target_critic, self.critic)]

    def policy_action(self, features: Tensor, deterministic: bool) -> Tensor:
        policy = self.actor(features)
        if deterministic:
            return policy.mode
        return policy.sample(self.randn(*policy.mean.shape))[0]

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
        q_new = self.critic(batch.features.detach(), samples.new).amin(0)
        losses = critic | {"actor": actor_loss(q_new, samples.new_log_prob, self.temperature)}
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

    def critic_losses(
        self, batch: FeatureBatch, samples: SampledActions
    ) -> tuple[dict[str, Tensor], Metrics]:
        """The temporal-difference loss alone; keys are names of optimizers."""
        q_data = self.critic(batch.features, batch.action)
        loss = temporal_difference_loss(q_data, self.td_target(batch, samples))
        metrics = {
            "td_loss": loss.detach(),
            "q_data": q_data.detach().mean(),
            "return_to_go": batch.return_to_go.mean(),
        }
        return {"critic": loss}, metrics

    @torch.no_grad()
    def td_target(self, batch: FeatureBatch, samples: SampledActions) -> Tensor:
        """reward + discount x (best of N) min over critics of Q_target(s', a'): [B]."""
        q = self.target_critic(batch.next_features, samples.target).amin(0)  # [B, N]
        value, chosen = q.max(dim=1, keepdim=True)
        if self.config.backup_entropy:
            value = value - self.temperature * samples.target_log_prob.gather(1, chosen)
        return batch.reward + batch.discount * value.squeeze(1)
