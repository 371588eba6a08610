"""The replay buffer: whole episodes in, random transitions with returns-to-go out."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from calql_vision.datasets.device_frames import DeviceFrames
from calql_vision.datasets.frames import FramesOnDisk
from calql_vision.datasets.growing_array import GrowingArray
from calql_vision.datasets.part import ALL, Part
from calql_vision.datasets.returns import RewardConfig, n_step_returns, returns_to_go
from calql_vision.types import Episode, Observation, PixelBatch


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
        part: Part = ALL,
    ):
        """Without a `reference` the returns-to-go are Monte-Carlo returns.

        `part` of the rows of every batch is sampled here, that of one of several processes.
        """
        self.discount = discount
        self.reward = reward
        self.frame_stack = frame_stack
        self.reference = reference
        self.part = part
        self._images: list[
            np.ndarray | FramesOnDisk
        ] = []  # of every episode, uint8 [T+1, V, H, W, 3]
        self._device_frames: DeviceFrames | None = None  # the same, for a GPU
        self._lengths = GrowingArray()  # of every episode, int64: T
        self._ends = GrowingArray()  # int64, transitions up to and with each episode
        self._success = GrowingArray()  # of every episode, bool
        self._proprio = GrowingArray()  # of every frame, float32 [P]
        self._actions = GrowingArray()  # of every transition, float32 [A]
        self._rewards = GrowingArray()  # ... float32, scaled
        self._discounts = GrowingArray()  # ... float32, 0 where success ended the episode
        self._returns_to_go = GrowingArray()  # ... float32

    def __len__(self) -> int:
        """Number of transitions."""
        return len(self._actions)

    @property
    def episodes(self) -> int:
        return len(self._images)

    @property
    def pixel_bytes(self) -> int:
        return sum(images.nbytes for images in self._images)

    @property
    def nbytes(self) -> int:
        """All bytes that the buffer holds; little more than its pixels."""
        numbers = [each for each in vars(self).values() if isinstance(each, GrowingArray)]
        return self.pixel_bytes + sum(each.nbytes for each in numbers)

    def all_proprio(self) -> np.ndarray:
        """Proprioception of every stored observation, float32 [sum of T+1, P]."""
        return self._proprio.rows.copy()

    def all_actions(self) -> np.ndarray:
        """Every stored action, float32 [sum of T, A]."""
        return self._actions.rows.copy()

    @property
    def lengths(self) -> np.ndarray:
        """Steps of every episode, int64."""
        return self._lengths.rows.astype(np.int64)

    @property
    def success_lengths(self) -> np.ndarray:
        """Steps of every episode that succeeded, int64."""
        return self.lengths[self._success.rows.astype(bool)]

    @property
    def longest(self) -> int:
        """Steps of the longest episode."""
        return int(self._lengths.rows.max(initial=0))

    @property
    def success_rate(self) -> float:
        """Share of the episodes that succeeded."""
        return float(self._success.rows.mean())

    def successes_begun(self, low: int, high: int) -> np.ndarray:
        """Did they succeed, the episodes whose first transition is one of low .. high - 1; bool."""
        begun = self._ends.rows - self._lengths.rows
        return self._success.rows[(begun >= low) & (begun < high)].astype(bool)

    def append(self, episode: Episode, returns_to_go: np.ndarray | None = None) -> np.ndarray:
        """Take one episode in; returns its returns-to-go [T], computed unless they are given."""
        length = len(episode)
        assert length > 0, "an episode has at least one action"
        assert len(episode.images) == len(episode.proprio) == length + 1
        rewards, terminals = self.reward.apply(episode.rewards), np.zeros(length)
        terminals[-1] = episode.success
        self._images.append(episode.images)
        self._upload(episode.images)
        self._proprio.extend(episode.proprio)
        self._lengths.extend(np.array([length]))
        self._ends.extend(np.array([len(self) + length]))
        self._success.extend(np.array([episode.success]))
        self._actions.extend(episode.actions)
        self._rewards.extend(rewards)
        self._discounts.extend((self.discount * (1 - terminals)).astype(np.float32))
        if returns_to_go is None:
            returns_to_go = self._returns_of_last(rewards, terminals)
        self._returns_to_go.extend(returns_to_go)
        return returns_to_go

    def keep_frames_on(self, device: torch.device, budget: int) -> None:
        """Batches get their pixels from `device`, while all of them take at most `budget` bytes.

        Where they take more, or some stay on disk, batches come from the host as before.
        """
        self._device_frames = DeviceFrames(device, budget)
        for images in self._images:
            self._upload(images)

    def _upload(self, images: np.ndarray | FramesOnDisk) -> None:
        frames = self._device_frames
        if frames is not None and (isinstance(images, FramesOnDisk) or not frames.append(images)):
            self._device_frames = None

    def leave_on_disk(self, images: FramesOnDisk) -> None:
        """The last episode's images are read from there, and no longer kept in memory."""
        assert images.shape == self._images[-1].shape
        self._images[-1] = images

    def _returns_of_last(self, rewards: np.ndarray, terminals: np.ndarray) -> np.ndarray:
        """The returns-to-go of the episode whose observations have just come."""
        if self.reference is None:
            return returns_to_go(rewards, terminals, self.discount, self.reward.failure)
        steps = np.arange(len(rewards) + 1)
        seen = self._blank_observation(len(steps))
        self._copy_observations(np.full(len(steps), self.episodes - 1), steps, seen)
        values = self.reference.value(seen).cpu().numpy()
        return n_step_returns(rewards, terminals, self.discount, self.reference.steps, values)

    def sample(
        self, batch_size: int, generator: np.random.Generator, into: PixelBatch | None = None
    ) -> PixelBatch:
        """This buffer's part of `batch_size` transitions, uniform over all of them.

        They are written `into` a batch of that size, where one is given: its memory is used again.
        """
        return self.gather(self.draw(batch_size, generator), into)

    def draw(self, batch_size: int, generator: np.random.Generator) -> np.ndarray:
        """Numbers of the transitions of this part of a batch, drawn with replacement."""
        assert len(self) > 0, "the buffer is empty"
        return self.part.rows(generator.integers(len(self), size=batch_size))

    def gather(self, transitions: np.ndarray, into: PixelBatch | None = None) -> PixelBatch:
        """The transitions with these numbers, counted over episodes in order of arrival.

        Every frame is copied once, straight into the batch.
        """
        batch = into
        if batch is None or len(batch) != len(transitions):
            batch = self.blank(len(transitions))
        episodes = np.searchsorted(self._ends.rows, transitions, side="right")
        steps = transitions - self._starts(episodes)
        self._copy_observations(episodes, steps, batch.observation)
        self._copy_observations(episodes, steps + 1, batch.next_observation)
        _copy_rows(self._actions, transitions, batch.action)
        _copy_rows(self._rewards, transitions, batch.reward)
        _copy_rows(self._discounts, transitions, batch.discount)
        _copy_rows(self._returns_to_go, transitions, batch.return_to_go)
        _copy_rows(self._success, episodes, batch.success)
        return batch

    def blank(self, batch_size: int) -> PixelBatch:
        """A batch in the shapes of what is stored, with anything in it."""
        assert len(self) > 0, "the buffer is empty"
        numbers = [torch.empty(batch_size) for _ in range(3)]
        return PixelBatch(
            observation=self._blank_observation(batch_size),
            action=torch.empty(batch_size, self._actions.rows.shape[1]),
            reward=numbers[0],
            discount=numbers[1],
            next_observation=self._blank_observation(batch_size),
            return_to_go=numbers[2],
            success=torch.empty(batch_size, dtype=torch.bool),
        )

    def _blank_observation(self, batch_size: int) -> Observation:
        *frame, channels = self.frame_shape
        shape = (batch_size, *frame, channels * self.frame_stack)
        device = self._device_frames.device if self._device_frames else None
        return Observation(
            torch.empty(shape, dtype=torch.uint8, device=device),
            torch.empty(batch_size, self._proprio.rows.shape[1] * self.frame_stack),
        )

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """V, H, W, 3 of what is sampled."""
        return self._images[0].shape[1:]

    def _starts(self, episodes: np.ndarray) -> np.ndarray:
        """Numbers of the first transitions of these episodes."""
        return self._ends.rows[episodes] - self._lengths.rows[episodes]

    def _copy_observations(
        self, episodes: np.ndarray, steps: np.ndarray, target: Observation
    ) -> None:
        """Images [B, V, H, W, 3 x frames] and proprioception [B, P x frames], oldest first."""
        images = target.images.chunk(self.frame_stack, dim=-1)
        proprio = np.split(target.proprio.numpy(), self.frame_stack, axis=-1)
        first_frames = self._starts(episodes) + episodes  # an episode has a frame more than actions
        for back, frames, numbers in zip(
            reversed(range(self.frame_stack)), images, proprio, strict=True
        ):
            earlier = np.maximum(steps - back, 0)
            self._copy_frames(episodes, earlier, first_frames + earlier, frames)
            numbers[:] = self._proprio.rows[first_frames + earlier]

    def _copy_frames(
        self, episodes: np.ndarray, steps: np.ndarray, numbers: np.ndarray, target: torch.Tensor
    ) -> None:
        """The frames of these episodes at these steps, which have these numbers."""
        if self._device_frames is not None:
            target.copy_(self._device_frames.take(numbers))
            return
        places = zip(episodes.tolist(), steps.tolist(), strict=True)
        frames = [self._images[e][t] for e, t in places]
        if target.device.type == "cpu":
            np.stack(frames, out=target.numpy())
        else:  # the other half of the batch comes from the device
            target.copy_(torch.from_numpy(np.stack(frames)))


def _copy_rows(source: GrowingArray, chosen: np.ndarray, target: torch.Tensor) -> None:
    source.rows.take(chosen, axis=0, out=target.numpy(), mode="clip")  # clip: numpy's fast way


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

    def sample(
        self, batch_size: int, generator: np.random.Generator, into: PixelBatch | None = None
    ) -> PixelBatch:
        """`batch_size` transitions, the demonstrations first; `into` as in `EpisodeBuffer`."""
        online = self._online_share(batch_size, generator)
        counts = ((self.offline, batch_size - online), (self.online, online))
        drawn = [(buffer, buffer.draw(count, generator)) for buffer, count in counts if count > 0]
        start, rows, batch = 0, sum(len(chosen) for _, chosen in drawn), into
        if batch is None or len(batch) != rows:
            batch = drawn[0][0].blank(rows)
        for buffer, chosen in drawn:
            if len(chosen):
                buffer.gather(chosen, batch.rows(start, start + len(chosen)))
            start += len(chosen)
        return batch

    def _online_share(self, batch_size: int, generator: np.random.Generator) -> int:
        if self.online_fraction == 1 or len(self.offline) == 0:
            return batch_size
        if len(self.online) == 0:
            return 0
        if self.online_fraction is None:
            share = len(self.online) / (len(self.online) + len(self.offline))
            return int(generator.binomial(batch_size, share))
        return round(batch_size * self.online_fraction)
