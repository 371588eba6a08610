"""Soft actor-critic on features (Haarnoja et al., arXiv 1812.05905), base of its family."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from calql_vision.agents.agent import CriticAgent, critic_metrics
from calql_vision.agents.config import CriticConfig
from calql_vision.agents.losses import actor_loss, temperature_loss, temporal_difference_loss
from calql_vision.agents.networks import TanhGaussian, TanhGaussianActor
from calql_vision.configs import option
from calql_vision.types import FeatureBatch, Metrics, Observation


@dataclass
class SoftConfig(CriticConfig):
    """Options of the official code, under the field's names, and those that pixels need."""

    name: str = "sac"
    label: str = "sac"
    n_actions: int = option(
        4,
        "N, actions sampled per state; the official code takes 10, at twice the time",
        within="[1, 1e4]",
    )
    max_target_backup: bool = option(True, "the best of N next actions enters the target")
    backup_entropy: bool = option(False, "the target subtracts temperature x log-probability")
    target_critics: int | None = option(
        None,
        "critics drawn at random for every update, whose least the target trusts; null: all",
        within="[1, 1000]",
    )
    mean_critic: bool = option(False, "the actor climbs the mean of the critics; false: the least")
    bounded_target: bool = option(
        False, "no target of a successful episode below the return obtained"
    )
    automatic_temperature: bool = option(
        True, "learn the temperature, so that the entropy meets its target"
    )
    initial_temperature: float = option(
        0.1,
        "temperature at the start; the official 1 spends the first thousands of updates falling",
        within="(0, 1e3]",
    )
    target_entropy: float | None = option(
        None,
        "entropy that the temperature aims at; null: minus the number of action dimensions",
        within="[-1e6, 1e6]",
    )
    bc_updates: int = option(
        0, "first updates in which the actor clones behaviour instead", within="[0, 1e9]"
    )
    q_weight: float = option(
        1.0,
        "weight of Q and entropy in the actor's loss; 0: the actor clones alone",
        within="[0, 1e6]",
    )
    cloning_weight: float = option(
        0.0,
        "weight of the likelihood of successful episodes in the actor's loss",
        within="[0, 1e6]",
    )

    def __post_init__(self) -> None:
        """ValueError where nothing would train the actor."""
        if self.q_weight == self.cloning_weight == 0:
            raise ValueError(
                "algo.q_weight=0 and algo.cloning_weight=0: the actor would learn nothing; "
                "set one of them above 0"
            )

    def value_travel(self, length: float) -> float:
        return 0.0 if self.bounded_target else super().value_travel(length)


@dataclass(frozen=True)
class SampledActions:
    """Every action that one update draws from the policy."""

    new: Tensor  # [B, A] at s, with gradient into the actor
    new_log_prob: Tensor  # [B]
    target: Tensor  # [B, N, A] at s' (N = 1 without max_target_backup)
    target_log_prob: Tensor  # [B, N]


class SoftAgent(CriticAgent):
    """SAC with an ensemble of critics; its subclass adds the conservative term."""

    config: SoftConfig

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        config = self.config
        self.target_entropy = (
            -float(self.action_dim) if config.target_entropy is None else config.target_entropy
        )
        initial = torch.tensor(config.initial_temperature, device=self.device)
        self.log_temperature = nn.Parameter(initial.log())
        if config.automatic_temperature:
            self.add_optimizer("temperature", [self.log_temperature], config.actor_lr)

    def branch(self) -> object:
        return self.updates < self.config.bc_updates

    def reset_temperature(self) -> None:
        """Back to `initial_temperature`, as where a checkpoint was trained with another."""
        with torch.no_grad():
            self.log_temperature.fill_(math.log(self.config.initial_temperature))
        if "temperature" in self.optimizers:
            self.optimizers["temperature"].state.clear()

    def build_actor(self, features: int) -> TanhGaussianActor:
        return TanhGaussianActor(features, self.action_dim, self.config.hidden)

    @property
    def temperature(self) -> Tensor:
        return self.log_temperature.detach().exp()

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
        actor, cloning = self._actor_loss(batch, samples, q_new)
        metrics |= {
            "actor_loss": actor.detach(),
            "cloning_loss": cloning.detach(),
            "q_policy": q_new.detach().mean(),
            "entropy": -samples.new_log_prob.detach().mean(),
            "temperature": self.temperature,
        }
        return critic | {"actor": actor} | self._temperature_loss(samples), metrics

    def _actor_loss(
        self, batch: FeatureBatch, samples: SampledActions, q_new: Tensor
    ) -> tuple[Tensor, Tensor]:
        """SAC's, with the likelihood of successful episodes beside it or, without Q, in its place.

        Returns the sum, and the cloning loss alone.

        `bc_updates` is the warm start of the official CQL code (`policy_eval_start` there), which
        leaves the entropy term in.
        """
        config = self.config
        if self.updates < config.bc_updates:
            q_new = self.actor(batch.actor_features).log_prob(batch.action)
        loss = cloning = q_new.new_zeros(())
        if config.q_weight > 0:
            loss = config.q_weight * actor_loss(q_new, samples.new_log_prob, self.temperature)
        if config.cloning_weight > 0:
            cloning = cloning_loss(self.actor(batch.actor_features), batch)
            loss = loss + config.cloning_weight * cloning
        return loss, cloning

    def _temperature_loss(self, samples: SampledActions) -> dict[str, Tensor]:
        """None while the temperature has no say: a cloned actor's entropy is that of the data."""
        if not self.config.automatic_temperature or self.config.q_weight == 0:
            return {}
        loss = temperature_loss(self.log_temperature, samples.new_log_prob, self.target_entropy)
        return {"temperature": loss}

    def policy_value(self, q: Tensor) -> Tensor:
        """What the actor climbs, of every critic's q [E, B]: the least or the mean, [B]."""
        return q.mean(0) if self.config.mean_critic else q.amin(0)

    def target_value(self, q: Tensor) -> Tensor:
        """What the target trusts, of every critic's q [E, B, N]: the least, [B, N].

        Of `target_critics` randomly drawn members where that is set (REDQ, arXiv 2101.05982).
        """
        if self.config.target_critics is not None:
            order = torch.randperm(len(q), generator=self.generator, device=self.device)
            q = q[order[: self.config.target_critics]]
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
        """reward + discount x (best of N) min over critics of Q_target(s', a'): [B].

        With `bounded_target` at least the return that was obtained from (s, a) on, which is known
        to be possible: a value so far away would else need 1 / tau updates for every step of the
        episode to arrive.
        """
        q = self.target_value(self.target_critic(batch.next_features, samples.target))
        value, chosen = q.max(dim=1, keepdim=True)
        if self.config.backup_entropy:
            value = value - self.temperature * samples.target_log_prob.gather(1, chosen)
        target = batch.reward + batch.discount * value.squeeze(1)
        if self.config.bounded_target:
            target = target.where(~batch.success, torch.maximum(target, batch.return_to_go))
        return target

    @torch.no_grad()
    def state_value(self, observation: Observation) -> Tensor:
        """Observations (any device) -> the target critics' value of the mean policy there: [B]."""
        observation = observation.to(self.device)
        action = self.actor(self.acting_encoder(observation)).mode
        seen = (self.target_encoder or self.encoder)(observation)
        return self.target_critic(seen, action).amin(0)


def cloning_loss(policy: TanhGaussian, batch: FeatureBatch) -> Tensor:
    """Mean of -log-likelihood over the transitions of successful episodes; 0 where there are none.

    The likelihood of a Gaussian around tanh(mean) in the space of actions. A squashed one has no
    density at the edge of the range, where grippers live: their weight would swamp the others'.
    """
    succeeded = batch.success.float()
    negative = -policy.edge_log_prob(batch.action) * succeeded
    return negative.sum() / succeeded.sum().clamp(min=1)
