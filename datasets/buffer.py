"""The replay buffer: whole episodes in, random transitions with returns-to-go out."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from calql_vision.datasets.returns import RewardConfig, n_step_returns, returns_to_go
from calql_vision.types import Episode, Observation, PixelBatch


@dataclass(frozen=True)
class _StoredEpisode:
    """An episode as the buffer keeps it: each frame once, each number once."""

    images: np.ndarray  # uint8 [T+1, V, H, W, 3]
    proprio: np.ndarray  # float32 [T+1, P]
    actions: np.ndarray  # float32 [T, A]
    rewards: np.ndarray  # float32 [T], scaled
    success: bool
    returns_to_go: np.ndarray = field(default_factory=lambda: np.empty(0))  # float32 [T]


@dataclass(frozen=True)
class NStepReference:
    """Bootstrapped returns in the place of Monte-Carlo ones, as an episode arrives."""

    steps: int  # rewards that are summed before the value takes over
    value: Callable[[Observation], torch.Tensor]  # observations -> values [B]


class EpisodeBuffer:
    """Owns the pixels of its episodes, once, as uint8, and knows every return-to-go.

    Demonstrations and online experience enter by the same `append`, so that a transition
    without a return-to-go cannot exist. Frames are stacked when sampled, never stored twice.
    """

    def __init__(
        self,
        discount: float,
        reward: RewardConfig,
        frame_stack: int = 1,
        reference: NStepReference | None = None,
    ):
        """Without a `reference` the returns-to-go are Monte-Carlo returns."""
        self.discount = discount
        self.reward = reward
        self.frame_stack = frame_stack
        self.reference = reference
        self._episodes: list[_StoredEpisode] = []
        self._ends = np.zeros(0, dtype=np.int64)  # transitions up to and with each episode

    def __len__(self) -> int:
        """Number of transitions."""
        return int(self._ends[-1]) if len(self._ends) else 0

    @property
    def episodes(self) -> int:
        return len(self._episodes)

    @property
    def pixel_bytes(self) -> int:
        return sum(e.images.nbytes for e in self._episodes)

    @property
    def nbytes(self) -> int:
        """All bytes that the buffer holds; little more than its pixels."""
        arrays = ("images", "proprio", "actions", "rewards", "returns_to_go")
        stored = sum(getattr(e, name).nbytes for e in self._episodes for name in arrays)
        return stored + self._ends.nbytes

    def all_proprio(self) -> np.ndarray:
        """Proprioception of every stored observation, float32 [sum of T+1, P]."""
        return np.concatenate([episode.proprio for episode in self._episodes])

    def all_actions(self) -> np.ndarray:
        """Every stored action, float32 [sum of T, A]."""
        return np.concatenate([episode.actions for episode in self._episodes])

    @property
    def success_lengths(self) -> np.ndarray:
        """Steps of every episode that succeeded, int64."""
        return np.array([len(e.actions) for e in self._episodes if e.success], dtype=np.int64)

    @property
    def longest(self) -> int:
        """Steps of the longest episode."""
        return max((len(episode.actions) for episode in self._episodes), default=0)

    def append(self, episode: Episode) -> None:
        """Take one episode in; computes its returns-to-go."""
        length = len(episode)
        assert length > 0, "an episode has at least one action"
        assert len(episode.images) == len(episode.proprio) == length + 1
        stored = _StoredEpisode(
            images=episode.images,
            proprio=episode.proprio,
            actions=episode.actions,
            rewards=self.reward.apply(episode.rewards),
            success=episode.success,
        )
        self._episodes.append(replace(stored, returns_to_go=self._returns_to_go(stored)))
        self._ends = np.append(self._ends, len(self) + length)

    def _returns_to_go(self, episode: _StoredEpisode) -> np.ndarray:
        rewards, length = episode.rewards, len(episode.rewards)
        terminals = np.zeros(length)
        terminals[-1] = episode.success
        if self.reference is None:
            return returns_to_go(rewards, terminals, self.discount, self.reward.failure)
        seen = self._observe([(episode, step) for step in range(length + 1)])
        values = self.reference.value(seen).cpu().numpy()
        return n_step_returns(rewards, terminals, self.discount, self.reference.steps, values)

    def sample(self, batch_size: int, generator: np.random.Generator) -> PixelBatch:
        """`batch_size` transitions, uniform over all of them, with replacement."""
        assert len(self) > 0, "the buffer is empty"
        return self.gather(generator.integers(len(self), size=batch_size))

    def gather(self, transitions: np.ndarray) -> PixelBatch:
        """The transitions with these numbers, counted over episodes in order of arrival."""
        episodes = np.searchsorted(self._ends, transitions, side="right")
        starts = np.concatenate(([0], self._ends))[episodes]
        places = [
            (self._episodes[e], int(t)) for e, t in zip(episodes, transitions - starts, strict=True)
        ]

        def numbers(name: str) -> torch.Tensor:
            return torch.from_numpy(np.stack([getattr(e, name)[t] for e, t in places]))

        ended = [e.success and t == len(e.actions) - 1 for e, t in places]
        return PixelBatch(
            observation=self._observe(places),
            action=numbers("actions"),
            reward=numbers("rewards"),
            discount=self.discount * (1.0 - torch.tensor(ended, dtype=torch.float32)),
            next_observation=self._observe([(e, t + 1) for e, t in places]),
            return_to_go=numbers("returns_to_go"),
            success=torch.tensor([e.success for e, _ in places]),
        )

    def _observe(self, places: list[tuple[_StoredEpisode, int]]) -> Observation:
        """Images [B, V, H, W, 3 x frames] and proprioception [B, P x frames], oldest first."""
        stacks = []
        for back in reversed(range(self.frame_stack)):
            earlier = [(e, max(t - back, 0)) for e, t in places]
            stacks.append(
                Observation(
                    torch.from_numpy(np.stack([e.images[t] for e, t in earlier])),
                    torch.from_numpy(np.stack([e.proprio[t] for e, t in earlier])),
                )
            )
        if len(stacks) == 1:
            return stacks[0]
        return Observation(
            torch.cat([s.images for s in stacks], dim=-1),
            torch.cat([s.proprio for s in stacks], dim=-1),
        )


class MixedBuffer:
    """Batches from demonstrations and online experience together (RLPD's and Cal-QL's mix)."""

    def __init__(
        self, offline: EpisodeBuffer, online: EpisodeBuffer, online_fraction: float | None = 0.5
    ):
        """`online_fraction` of every batch is online; None: in proportion to the sizes.

        While there is no online experience yet, batches are demonstrations, unless the fraction
        is 1 and forbids them.
        """
        self.offline, self.online = offline, online
        self.online_fraction = online_fraction

    def sample(self, batch_size: int, generator: np.random.Generator) -> PixelBatch:
        """`batch_size` transitions, the demonstrations first."""
        online = self._online_share(batch_size, generator)
        parts = [
            buffer.sample(count, generator)
            for buffer, count in ((self.offline, batch_size - online), (self.online, online))
            if count > 0
        ]
        return parts[0] if len(parts) == 1 else _concatenate(*parts)

    def _online_share(self, batch_size: int, generator: np.random.Generator) -> int:
        if self.online_fraction == 1 or len(self.offline) == 0:
            return batch_size
        if len(self.online) == 0:
            return 0
        if self.online_fraction is None:
            share = len(self.online) / (len(self.online) + len(self.offline))
            return int(generator.binomial(batch_size, share))
        return round(batch_size * self.online_fraction)


def _concatenate(first: PixelBatch, second: PixelBatch) -> PixelBatch:
    def join(one: Any, other: Any) -> Any:
        if isinstance(one, Observation):
            return Observation(
                torch.cat([one.images, other.images]), torch.cat([one.proprio, other.proprio])
            )
        return torch.cat([one, other])

    names = PixelBatch.__dataclass_fields__
    return PixelBatch(**{n: join(getattr(first, n), getattr(second, n)) for n in names})
