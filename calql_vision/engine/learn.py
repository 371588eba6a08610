"""The loop that steps optimizers; offline and online learning share it."""

import numpy as np
import torch

from calql_vision.agents import Agent
from calql_vision.engine.loader import Loader, Sampler


def learn(
    agent: Agent, sampler: Sampler, updates: int, generator: np.random.Generator
) -> dict[str, float]:
    """`updates` gradient steps; returns the means of their metrics.

    The metrics are added up on the device and fetched once, at the end: fetching them every
    step would make a GPU wait.
    """
    assert updates > 0
    loader = Loader(sampler, agent.config.batch_size, generator, agent.device)
    total = torch.zeros((), device=agent.device)
    for _ in range(updates):
        metrics = agent.update(loader.next())
        total = total + torch.stack(list(metrics.values()))
    return dict(zip(metrics, (total / updates).tolist(), strict=True))
