"""The loop that steps optimizers; offline and online learning share it."""

from math import isfinite

import numpy as np
import torch

from calql_vision.agents import Agent
from calql_vision.agents.ranks import sum_over_ranks
from calql_vision.engine.loader import Loader, Sampler


class NonFiniteError(RuntimeError):
    """Training has left the numbers: a metric or a weight is infinite or not a number."""


def learn(
    agent: Agent, sampler: Sampler, updates: int, generator: np.random.Generator
) -> dict[str, float]:
    """`updates` gradient steps; returns the means of their metrics, over all ranks.

    The metrics stay on the device and are fetched once, at the end: fetching them every step
    would make a GPU wait. Raises NonFiniteError, with the first update that went wrong, where a
    metric or, after the last update, a weight is not finite.
    """
    assert updates > 0
    loader = Loader(sampler, agent.config.batch_size, generator, agent.device)
    rows, first = [], agent.updates + 1
    update = agent.fast_update or agent.update
    for _ in range(updates):
        batch = loader.next()
        metrics = update(batch)
        rows.append(torch.stack(list(metrics.values())) * (len(batch) / agent.config.batch_size))
    mean = torch.stack(rows).mean(0)
    sum_over_ranks([mean])
    means = dict(zip(metrics, mean.tolist(), strict=True))
    if not all(map(isfinite, means.values())):
        _blame_metrics(list(metrics), torch.stack(rows), first)
    _check_weights(agent)
    return means


def _blame_metrics(names: list[str], rows: torch.Tensor, first: int) -> None:
    """Raises NonFiniteError by the metrics [updates, names] of update number `first` and after."""
    finite = rows.isfinite().cpu()
    update = int(finite.all(1).int().argmin())
    bad = [name for name, fine in zip(names, finite[update], strict=True) if not fine]
    raise NonFiniteError(_sentence(first + update, ", ".join(bad) or "the sum of a metric"))


def _check_weights(agent: Agent) -> None:
    """NonFiniteError for the first weight of the last update that is not finite."""
    weights = {
        name: value for name, value in agent.state_dict().items() if value.is_floating_point()
    }
    norms = torch.stack(torch._foreach_norm(list(weights.values()), ord=1))
    if not norms.isfinite().all():
        name = next(
            n for n, norm in zip(weights, norms.tolist(), strict=True) if not isfinite(norm)
        )
        raise NonFiniteError(_sentence(agent.updates, f"the weight {name}"))


def _sentence(update: int, what: str) -> str:
    return (
        f"in update {update} {what} is not a finite number, so training has stopped; lower "
        "algo.critic_lr and algo.actor_lr, or look for extreme rewards and observations in the data"
    )
