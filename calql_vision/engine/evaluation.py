"""How good a policy is: episodes from fixed seeds."""

from collections.abc import Callable, Iterable

import numpy as np

from calql_vision.engine.rollout import rollout
from calql_vision.engine.seeds import episode_seed
from calql_vision.runs.evaluation import Evaluation
from calql_vision.runs.metrics import Column
from calql_vision.types import Episode, PixelEnv, Policy


def evaluate(
    env: PixelEnv,
    policy: Policy,
    episodes: int,
    purpose: str,
    most_steps: int | None = None,
    watch: Callable[[Iterable[Episode]], Iterable[Episode]] = iter,
) -> Evaluation:
    """Roll out `episodes` episodes of at most `most_steps` steps from the seeds of `purpose`.

    Always the same start states for the same purpose, so that policies are compared in pairs.
    `watch` sees the episodes pass by.
    """
    seeds = (episode_seed(purpose, 0, number) for number in range(episodes))
    return summarise(watch(rollout(env, policy, seed, most_steps=most_steps) for seed in seeds))


def summarise(episodes: Iterable[Episode]) -> Evaluation:
    """What counts of the episodes; their pixels are let go one by one."""
    rows = [(e.success, float(e.rewards.sum()), len(e)) for e in episodes]
    successes, returns, lengths = zip(*rows, strict=True)
    return Evaluation(np.array(successes), np.array(returns), np.array(lengths))


def evaluation_row(result: Evaluation) -> dict[str, float]:
    """An evaluation as columns of metrics.csv."""
    low, high = result.interval
    return {
        Column.SUCCESS_RATE: result.success_rate,
        Column.SUCCESS_LOW: low,
        Column.SUCCESS_HIGH: high,
        Column.MEAN_RETURN: float(result.returns.mean()),
        Column.MEAN_LENGTH: float(result.lengths.mean()),
        Column.EPISODES: result.episodes,
    }
