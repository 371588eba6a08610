"""Cal-QL's update as it is usually written, for comparison: what the batched one must beat.

Actor and critics have an encoder each, observations are repeated for every sampled action, each
set of actions goes through each critic by itself, and optimizers and targets take one weight
after another. Losses, networks, augmentation and amounts are those of the update it is measured
against; nobody trains with it.
"""

import math
from collections.abc import Callable
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn

from calql_vision.agents.cal_ql import CalQLConfig
from calql_vision.agents.networks import TanhGaussian, TanhGaussianActor, mlp
from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.encoders.augment import random_shift
from calql_vision.types import Metrics, Observation, PixelBatch

CPU = torch.device("cpu")


class Critic(nn.Module):
    """Q(s, a) of one observation for one action."""

    def __init__(self, encoder: nn.Module, width: int, actions: int, hidden: list[int]):
        super().__init__()
        self.encoder, self.head = encoder, mlp(width + actions, hidden, 1)

    def forward(self, observation: Observation, action: Tensor) -> Tensor:
        return self.head(torch.cat([self.encoder(observation), action], dim=-1)).squeeze(-1)


class PlainCalQL:
    """Keeps nothing that could be saved."""

    def __init__(
        self,
        encoder: Callable[[], nn.Module],
        width: int,
        actions: int,
        config: CalQLConfig,
        shift: int,
        device: torch.device = CPU,
    ):
        """`encoder()` makes a network from observations to `width` numbers."""
        self.device = device
        self.config, self.actions, self.shift = config, actions, shift
        self.generator = torch.Generator(device).manual_seed(0)
        self.encoder = encoder().to(device)
        self.actor = TanhGaussianActor(width, actions, config.hidden).to(device)
        self.critics = [
            Critic(encoder(), width, actions, config.hidden).to(device) for _ in range(2)
        ]
        self.targets = deepcopy(self.critics)
        self.log_temperature = nn.Parameter(torch.zeros((), device=device))
        self.actor_parameters = [*self.encoder.parameters(), *self.actor.parameters()]
        self.actor_optimizer = torch.optim.Adam(self.actor_parameters, config.actor_lr)
        self.critic_optimizers = [
            torch.optim.Adam(critic.parameters(), config.critic_lr) for critic in self.critics
        ]
        self.temperature_optimizer = torch.optim.Adam([self.log_temperature], config.actor_lr)

    def learn(self, buffer: EpisodeBuffer, updates: int, generator: np.random.Generator) -> None:
        """`updates` gradient steps, sampling included."""
        for _ in range(updates):
            self.update(buffer.sample(self.config.batch_size, generator).to(self.device))

    def update(self, batch: PixelBatch) -> Metrics:
        here, following = (
            Observation(random_shift(seen.images, self.shift, self.generator), seen.proprio)
            for seen in (batch.observation, batch.next_observation)
        )
        metrics = self.update_actor(here)
        target = self.target(batch, following)
        penalised = self.sampled_actions(here, following)
        for critic, optimizer in zip(self.critics, self.critic_optimizers, strict=True):
            q = critic(here, batch.action)
            penalty = self.gap(critic, here, penalised, batch.return_to_go, q)
            loss = (q - target).square().mean() + self.config.penalty_weight * penalty
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            metrics["critic_loss"] = loss.detach()
        self.follow()
        return metrics

    def policy(self, observation: Observation) -> TanhGaussian:
        return self.actor(self.encoder(observation))

    def noise(self, count: int) -> Tensor:
        return torch.randn(count, self.actions, generator=self.generator, device=self.device)

    def update_actor(self, here: Observation) -> Metrics:
        action, log_prob = self.policy(here).sample(self.noise(len(here.proprio)))
        q = torch.min(*(critic(here, action) for critic in self.critics))
        loss = (self.log_temperature.exp().detach() * log_prob - q).mean()
        self.actor_optimizer.zero_grad()
        loss.backward()
        self.actor_optimizer.step()
        dual = -self.log_temperature * (log_prob.detach() - self.actions).mean()
        self.temperature_optimizer.zero_grad()
        dual.backward()
        self.temperature_optimizer.step()
        return {"actor_loss": loss.detach()}

    @torch.no_grad()
    def target(self, batch: PixelBatch, following: Observation) -> Tensor:
        repeated = self.repeat(following)
        action, _ = self.policy(repeated).sample(self.noise(len(repeated.proprio)))
        q = torch.min(*(critic(repeated, action) for critic in self.targets))
        return batch.reward + batch.discount * q.view(-1, self.config.n_actions).amax(1)

    @torch.no_grad()
    def sampled_actions(
        self, here: Observation, following: Observation
    ) -> list[tuple[Tensor, Tensor, bool]]:
        """Random actions, those of the policy at s and at s': action, log-density, calibrated."""
        count = len(here.proprio) * self.config.n_actions
        shape = (count, self.actions)
        random = torch.rand(shape, generator=self.generator, device=self.device) * 2 - 1
        density = torch.full((count,), self.actions * math.log(0.5), device=self.device)
        found = [(random, density, False)]
        for seen in (here, following):
            action, log_prob = self.policy(self.repeat(seen)).sample(self.noise(count))
            found.append((action, log_prob, True))
        return found

    def gap(
        self,
        critic: Critic,
        here: Observation,
        penalised: list[tuple[Tensor, Tensor, bool]],
        return_to_go: Tensor,
        q_data: Tensor,
    ) -> Tensor:
        repeated, parts = self.repeat(here), []
        for action, log_prob, calibrated in penalised:
            q = critic(repeated, action).view(-1, self.config.n_actions)
            if calibrated:
                q = torch.maximum(q, return_to_go[:, None])
            parts.append(q - log_prob.view_as(q))
        return (torch.cat(parts, dim=1).logsumexp(1) - q_data).mean()

    def repeat(self, observation: Observation) -> Observation:
        count = self.config.n_actions
        return observation.map(lambda part: part.repeat_interleave(count, dim=0))

    @torch.no_grad()
    def follow(self) -> None:
        for target, critic in zip(self.targets, self.critics, strict=True):
            for slow, fast in zip(target.parameters(), critic.parameters(), strict=True):
                slow.mul_(1 - self.config.tau).add_(self.config.tau * fast)
