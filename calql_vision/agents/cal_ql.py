"""Cal-QL (Nakamoto et al., NeurIPS 2023, arXiv 2303.05479), and CQL as its uncalibrated case."""

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from calql_vision.agents.agent import critic_metrics
from calql_vision.agents.losses import temporal_difference_loss
from calql_vision.agents.networks import mlp
from calql_vision.agents.soft import SampledActions, SoftAgent, SoftConfig
from calql_vision.configs import option
from calql_vision.types import FeatureBatch, Metrics


@dataclass
class CalQLConfig(SoftConfig):
    """The conservative term's options, as in the official code."""

    name: str = "cal_ql"
    label: str = "cal_ql"
    calibrated: bool = option(True, "returns-to-go bound the penalty from below; false: CQL")
    fitted_reference: bool = option(
        False, "V(s) fitted to the returns as reference; false: the returns"
    )
    penalty_weight: float = option(
        1.0, "weight of the penalty, alpha in the paper; 0: SAC", within="[0, 1e6]"
    )
    penalty_until: float | None = option(
        None,
        "share of online training over which the penalty falls in a line, to nothing where the "
        "pre-trained policy fails as often as it succeeds, less far where it succeeds more often; "
        "null: it stays",
        within="(0, 1]",
    )
    importance_sampling: bool = option(True, "log-sum-exp over actions weighted by 1 / density")
    log_sum_exp_temperature: float = option(
        1.0, "temperature of the log-sum-exp over actions", within="(0, 1e6]"
    )
    clip_min: float | None = option(
        None,
        "least gap between log-sum-exp and Q(data) that counts; null: any",
        within="[-1e9, 1e9]",
    )
    clip_max: float | None = option(
        None, "greatest gap that counts; null: any", within="[-1e9, 1e9]"
    )
    lagrange: bool = option(
        False, "learn a factor of the penalty that holds the gap at target_action_gap"
    )
    target_action_gap: float = option(
        1.0, "gap between log-sum-exp and Q(data) that `lagrange` aims at", within="[-1e9, 1e9]"
    )

    def __post_init__(self) -> None:
        """ValueError for a gap that cannot be."""
        super().__post_init__()
        low, high = self.clip_min, self.clip_max
        if low is not None and high is not None and low > high:
            raise ValueError(
                f"algo.clip_min={low} is above algo.clip_max={high}; "
                "exchange them, or leave one null"
            )


@dataclass(frozen=True)
class ConservativeActions(SampledActions):
    """The three sets that the penalty pushes down, all evaluated at s. Each [B, N, A], [B, N]."""

    random: Tensor
    current: Tensor  # from the policy at s
    current_log_prob: Tensor
    next: Tensor  # from the policy at s'
    next_log_prob: Tensor


def calibrate(q: Tensor, return_to_go: Tensor) -> Tensor:
    """The paper's one new idea: never push Q(s, a) below the behaviour policy's return."""
    return torch.maximum(q, return_to_go[:, None])


class CalQL(SoftAgent):
    """SAC whose critics are pushed down on the policy's actions, but not below the returns."""

    config: CalQLConfig

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.penalty_share = torch.ones((), device=self.device)  # of its weight, see `fade`
        self.faded = False  # whether that is 0
        if self.config.fitted_reference:
            self.reference = mlp(self.encoder_config.features, self.config.hidden, 1)
            self.reference.to(self.device)
            self.add_optimizer("reference", self.reference.parameters(), self.config.critic_lr)
        if self.config.lagrange:
            self.log_lagrange = nn.Parameter(torch.tensor(1.0, device=self.device))
            self.add_optimizer("lagrange", [self.log_lagrange], self.config.critic_lr)

    @property
    def conservative(self) -> bool:
        """Without a penalty nothing of it is drawn or computed: what remains is SAC's update."""
        return self.config.penalty_weight > 0 and not self.faded

    def branch(self) -> object:
        return super().branch(), self.faded

    def fade(self, progress: float, held: float) -> None:
        until = self.config.penalty_until
        share = 1.0 if until is None else max(held, 1 - progress / until)
        self.penalty_share.fill_(share)
        self.faded = share == 0

    def sample_actions(self, batch: FeatureBatch) -> SampledActions:
        sampled = super().sample_actions(batch)
        if not self.conservative:
            return sampled
        size = (len(batch.action), self.config.n_actions, self.action_dim)
        random = torch.rand(size, generator=self.generator, device=self.device) * 2 - 1
        with torch.no_grad():
            current, current_log_prob = self.actor(batch.actor_features).sample(self.randn(*size))
            following = self.actor(batch.next_actor_features).sample(self.randn(*size))
        return ConservativeActions(
            **vars(sampled),
            random=random,
            current=current,
            current_log_prob=current_log_prob,
            next=following[0],
            next_log_prob=following[1],
        )

    def critic_losses(
        self, batch: FeatureBatch, samples: SampledActions
    ) -> tuple[dict[str, Tensor], Metrics]:
        if not self.conservative:
            return super().critic_losses(batch, samples)
        assert isinstance(samples, ConservativeActions)
        q_data, q_random, q_current, q_next = self._evaluate(batch, samples)
        floor, reference_loss = self.reference_value(batch)
        td_loss = temporal_difference_loss(q_data, self.td_target(batch, samples))
        metrics = {
            **critic_metrics(batch, q_data, td_loss),
            "q_random": q_random.detach().mean(),
            **bound_rates(
                torch.cat([q_current, q_next], dim=-1).detach(), replace(batch, return_to_go=floor)
            ),
        }
        if self.config.calibrated:
            q_current, q_next = calibrate(q_current, floor), calibrate(q_next, floor)
        gap = self.conservative_gap(samples, q_data, q_random, q_current, q_next)
        losses, penalty = self._weigh(gap)
        metrics["penalty"] = penalty.detach()
        return reference_loss | losses | {"critic": td_loss + penalty}, metrics

    def reference_value(self, batch: FeatureBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """The behaviour policy's value [B], and the loss of the network that is fitted to it.

        The paper's ablation takes V(s), regressed on the Monte-Carlo returns, for the returns
        themselves.
        """
        if not self.config.fitted_reference:
            return batch.return_to_go, {}
        value = self.reference(batch.features.detach()).squeeze(-1)
        return value.detach(), {"reference": F.mse_loss(value, batch.return_to_go)}

    def _evaluate(self, batch: FeatureBatch, samples: ConservativeActions) -> tuple[Tensor, ...]:
        """Q of data [E, B] and of the three sampled sets [E, B, N], in one pass at s."""
        actions = torch.cat(
            [batch.action[:, None], samples.random, samples.current, samples.next], dim=1
        )
        count = self.config.n_actions
        q_data, *sampled = self.critic(batch.features, actions).split([1, count, count, count], -1)
        return q_data.squeeze(-1), *sampled

    def conservative_gap(
        self,
        samples: ConservativeActions,
        q_data: Tensor,
        q_random: Tensor,
        q_current: Tensor,
        q_next: Tensor,
    ) -> Tensor:
        """How far the log-sum-exp over sampled actions stands above Q(data): [E].

        CQL(H), arXiv 2006.04779, equation 4 and appendix F (importance sampling).
        """
        config = self.config
        if config.importance_sampling:
            q_random = q_random - self.action_dim * math.log(0.5)
            q_current = q_current - samples.current_log_prob
            q_next = q_next - samples.next_log_prob
        sampled = [q_random, q_next, q_current]
        if not config.importance_sampling:
            sampled.append(q_data[..., None])
        scaled = torch.cat(sampled, dim=-1) / config.log_sum_exp_temperature
        gap = scaled.logsumexp(-1) * config.log_sum_exp_temperature - q_data
        if config.clip_min is not None or config.clip_max is not None:
            gap = gap.clamp(config.clip_min, config.clip_max)
        return gap.mean(-1)

    def _weigh(self, gap: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """The penalty (summed over critics), and the Lagrange factor's loss where it is learnt."""
        weight = self.config.penalty_weight * self.penalty_share
        if not self.config.lagrange:
            return {}, weight * gap.sum()
        factor = self.log_lagrange.exp().clamp(0.0, 1e6)
        excess = weight * (gap - self.config.target_action_gap)
        loss = -(factor * excess.detach()).mean()
        return {"lagrange": loss}, (factor.detach() * excess).sum()


def bound_rates(q_policy: Tensor, batch: FeatureBatch) -> Metrics:
    """Share of policy actions whose Q [E, B, M] is below the return-to-go, before bounding.

    Over all transitions, and over those of successful episodes alone: the floor of a failed
    sparse episode is the lowest possible return and says nothing of calibration.
    """
    below = (q_policy < batch.return_to_go[:, None]).float().mean(dim=(0, 2))
    succeeded = batch.success.float()
    return {
        "bound_rate": below.mean(),
        "bound_rate_success": (below * succeeded).sum() / succeeded.sum().clamp(min=1),
    }
