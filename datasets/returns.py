"""Returns-to-go: the discounted Monte-Carlo return of the behaviour policy, Cal-QL's floor."""

from dataclasses import dataclass

import numpy as np


@dataclass
class RewardConfig:
    """How raw rewards become the agent's: scale x reward + bias."""

    scale: float = 1.0
    bias: float = -1.0
    sparse: bool = True  # a step that reaches nothing earns 0 before scaling

    def apply(self, rewards: np.ndarray) -> np.ndarray:
        return (self.scale * rewards + self.bias).astype(np.float32)

    @property
    def failure(self) -> float | None:
        """What a step without success earns in a sparse task."""
        return self.bias if self.sparse else None

    def possible_returns(self, discount: float) -> tuple[float, float]:
        """Least and greatest return of a task that success (raw reward 1) ends.

        Between failing forever and succeeding at once; a critic outside has come loose.
        """
        forever, at_once = self.bias / (1 - discount), self.scale + self.bias
        return min(forever, at_once), max(forever, at_once)


def returns_to_go(
    rewards: np.ndarray,
    terminals: np.ndarray,
    discount: float,
    failure_reward: float | None = None,
) -> np.ndarray:
    """The return from every step of one trajectory on, as the authors' code computes it.

    `rewards` float [T] are already scaled and shifted; `terminals` [T] is 1 where the sum stops;
    `failure_reward` is what each step of a failed sparse episode earns (None: rewards are dense).
    An episode that earns nothing else is taken to fail forever: failure_reward / (1 - discount)
    at every step. Returns float32 [T].
    Source: Cal-QL (arXiv 2303.05479), appendix D, and the official replay buffer.
    """
    rewards = np.asarray(rewards, dtype=np.float64)
    if failure_reward is not None and np.allclose(rewards, failure_reward, rtol=1e-6):
        return np.full(len(rewards), failure_reward / (1 - discount), dtype=np.float32)
    result = np.empty(len(rewards), dtype=np.float64)
    following = 0.0
    for step in reversed(range(len(rewards))):
        following = rewards[step] + discount * following * (1 - terminals[step])
        result[step] = following
    return result.astype(np.float32)
