"""How good a policy is: episodes from fixed seeds, with an interval."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from calql_vision.engine.rollout import rollout
from calql_vision.engine.seeds import episode_seed
from calql_vision.runs.intervals import wilson_interval
from calql_vision.types import Episode, PixelEnv, Policy


@dataclass(frozen=True)
class Evaluation:
    """Results of N episodes, in the order of their seeds."""

    successes: np.ndarray  # bool [N]
    returns: np.ndarray  # float [N], sums of raw rewards
    lengths: np.ndarray  # int [N], steps

    @property
    def episodes(self) -> int:
        return len(self.successes)

    @property
    def success_rate(self) -> float:
        return float(self.successes.mean())

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the success rate."""
        return wilson_interval(int(self.successes.sum()), self.episodes)

    def to_dict(self) -> dict:
        """Plain numbers, for JSON."""
        low, high = self.interval
        return {
            "episodes": self.episodes,
            "success_rate": self.success_rate,
            "success_interval": [low, high],
            "mean_return": float(self.returns.mean()),
            "mean_length": float(self.lengths.mean()),
            "successes": self.successes.tolist(),
            "returns": self.returns.tolist(),
            "lengths": self.lengths.tolist(),
        }

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"success rate {self.success_rate:.2f} [{low:.2f}, {high:.2f}] "
            f"(Wilson 95 %, {self.episodes} episodes), mean length {self.lengths.mean():.1f}"
        )


def evaluate(
    env: PixelEnv, policy: Policy, episodes: int, purpose: str, run_seed: int = 0
) -> Evaluation:
    """Roll out `episodes` episodes from the seeds of `purpose`.

    Always the same start states for the same purpose, so that policies are compared in pairs.
    """
    seeds = (episode_seed(purpose, run_seed, number) for number in range(episodes))
    return summarise(rollout(env, policy, seed) for seed in seeds)


def summarise(episodes: Iterable[Episode]) -> Evaluation:
    """What counts of the episodes; their pixels are let go one by one."""
    rows = [(e.success, float(e.rewards.sum()), len(e)) for e in episodes]
    successes, returns, lengths = zip(*rows, strict=True)
    return Evaluation(np.array(successes), np.array(returns), np.array(lengths))
