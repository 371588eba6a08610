"""Returns-to-go: the discounted Monte-Carlo return of the behaviour policy, Cal-QL's floor."""

from dataclasses import dataclass

import numpy as np

from calql_vision.configs import option


@dataclass
class RewardConfig:
    """How raw rewards become the agent's: scale x reward + bias."""

    scale: float = option(1.0, "the agent's reward is scale x raw reward + bias", within="(0, 1e6]")
    bias: float = option(-1.0, "added to every scaled reward", within="[-1e6, 1e6]")
    sparse: bool = option(True, "a step that reaches nothing earns 0 before scaling")

    def apply(self, rewards: np.ndarray) -> np.ndarray:
        return (self.scale * rewards + self.bias).astype(np.float32)

    @property
    def failure(self) -> float | None:
        """What a step without success earns in a sparse task."""
        return self.bias if self.sparse else None

    def possible_returns(self, discount: float) -> tuple[float, float]:
        """Least and greatest return of a task that success (raw reward 1) ends.

        Between failing forever and succeeding at once; a critic outside has diverged.
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


def n_step_returns(
    rewards: np.ndarray, terminals: np.ndarray, discount: float, steps: int, values: np.ndarray
) -> np.ndarray:
    """Sums of the next `steps` rewards, and the value of the state after them; float32 [T].

    `rewards` and `terminals` are [T] as in `returns_to_go`, `values` [T+1] those of all states.
    Fewer rewards are summed near the end; a terminal state is worth nothing, but the state that a
    time limit cut off is worth its value. Source: Sutton and Barto (2018), equation 7.1.
    """
    length = len(rewards)
    following = np.where(terminals > 0, 0.0, values[1:])  # V(s_{t+1}), as t's transition sees it
    result = np.empty(length, dtype=np.float64)
    for start in range(length):
        end = min(start + steps, length)
        powers = discount ** np.arange(end - start)
        result[start] = powers @ rewards[start:end]
        result[start] += discount ** (end - start) * following[end - 1]
    return result.astype(np.float32)
