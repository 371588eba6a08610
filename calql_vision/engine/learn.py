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
    total = None
    for _ in range(updates):
        batch = sampler.sample(agent.config.batch_size, generator).to(agent.device)
        metrics = agent.update(batch)
        row = torch.stack(list(metrics.values()))
        total = row if total is None else total + row
    return dict(zip(metrics, (total / updates).tolist(), strict=True))


def loose_critic(q_data: float, possible: tuple[float, float]) -> str | None:
    """A warning if Q(data) has left the range of possible returns by a tenth of its width.

    Such a critic no longer measures anything and its policy does not learn.
    """
    low, high = possible
    slack = 0.1 * (high - low)
    if low - slack <= q_data <= high + slack:
        return None
    return (
        f"Q(data) = {q_data:.1f} has left the range [{low:.1f}, {high:.1f}] that rewards and "
        "discount allow; try reward.scale=1 reward.bias=-1 or, where the method has one, "
        "a smaller algo.penalty_weight"
    )
