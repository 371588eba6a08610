"""The loop that steps optimizers; offline and online learning share it."""

from typing import Protocol

import numpy as np
import torch

from calql_vision.agents import Agent
from calql_vision.types import PixelBatch


class Sampler(Protocol):
    """EpisodeBuffer or MixedBuffer."""

    def sample(self, batch_size: int, generator: np.random.Generator) -> PixelBatch: ...


def learn(
    agent: Agent, sampler: Sampler, updates: int, generator: np.random.Generator
) -> dict[str, float]:
    """`updates` gradient steps; returns the means of their metrics.

    The metrics are added up on the device and fetched once, at the end: fetching them every
    step would make a GPU wait.
    """
    assert updates > 0
    total = torch.zeros((), device=agent.device)
    for _ in range(updates):
        batch = sampler.sample(agent.config.batch_size, generator).to(agent.device)
        metrics = agent.update(batch)
        total = total + torch.stack(list(metrics.values()))
    return dict(zip(metrics, (total / updates).tolist(), strict=True))
