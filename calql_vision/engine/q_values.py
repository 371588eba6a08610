"""What an agent believes of its actions, and what they were worth."""

import numpy as np
import torch

from calql_vision.agents import Agent
from calql_vision.agents.agent import CriticAgent
from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.datasets.returns import RewardConfig
from calql_vision.runs.diagnosis import Pairs
from calql_vision.types import Episode, Observation, PixelBatch


def has_critic(agent: Agent) -> bool:
    """Whether there is any Q to ask for; behaviour cloning has none."""
    return isinstance(agent, CriticAgent)


@torch.no_grad()
def q_values(agent: Agent, observation: Observation, action: torch.Tensor) -> torch.Tensor:
    """The least of the critics' Q(s, a), without augmentation: [B] or, for [B, N, A], [B, N]."""
    assert isinstance(agent, CriticAgent)
    features = agent.encoder(observation.to(agent.device))
    return agent.critic(features, action.to(agent.device)).amin(0)


def best_value(
    agent: Agent, observation: Observation, samples: int, generator: torch.Generator
) -> float:
    """max over a of Q(s, a) for one state (batch 1), by search.

    Candidates: the policy's deterministic action, `samples` random ones of it and as many
    uniform ones. `generator` (CPU) draws the uniform ones; the policy draws from its own.
    """
    repeated = Observation(
        observation.images.expand(samples, -1, -1, -1, -1),
        observation.proprio.expand(samples, -1),
    )
    uniform = torch.rand(samples, agent.action_dim, generator=generator) * 2 - 1
    candidates = [
        agent.act(observation, deterministic=True),
        agent.act(repeated, deterministic=False),
        uniform.to(agent.device),
    ]
    return float(q_values(agent, observation, torch.cat(candidates)[None]).max())


def transitions(
    episode: Episode, discount: float, reward: RewardConfig, frame_stack: int = 1
) -> PixelBatch:
    """All of an episode in order, with the returns-to-go that training would give them."""
    buffer = EpisodeBuffer(discount, reward, frame_stack)
    buffer.append(episode)
    return buffer.gather(np.arange(len(buffer)))


def pairs(agent: Agent, batch: PixelBatch) -> Pairs:
    """Beliefs and returns of a batch."""
    policy_action = agent.act(batch.observation, deterministic=True)
    actions = torch.stack([batch.action.to(agent.device), policy_action], dim=1)
    q, q_policy = q_values(agent, batch.observation, actions).cpu().unbind(1)
    return Pairs(q.numpy(), q_policy.numpy(), batch.return_to_go.numpy(), batch.success.numpy())
