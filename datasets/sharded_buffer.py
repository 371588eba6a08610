"""Demonstrations whose pixels are spread over the ranks of a learner, as one process
would sample them.
"""

from functools import cached_property

import numpy as np
import torch

from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.types import Episode


class ShardedBuffer(EpisodeBuffer):
    """Knows the numbers of every episode, but has pixels of those of its own `part` alone.

    All ranks append the same episodes in the same order, the others' without cameras, and sample
    with generators in the same state.
    """

    def append(self, episode: Episode, returns_to_go: np.ndarray | None = None) -> np.ndarray:
        self.__dict__.pop("_held", None)
        return super().append(episode, returns_to_go)

    def draw(self, batch_size: int, generator: np.random.Generator) -> np.ndarray:
        """Those transitions of one batch over all ranks whose pixels are here.

        The batch is one transition from each of `batch_size` equal stretches of all transitions in
        the order of their owners. So each is drawn equally often, and a rank's part of the batch
        is, up to a row at either end, as large as its part of the data.
        """
        before, own = self._held
        places = np.arange(batch_size) + generator.random(batch_size)
        drawn = (places * (len(self) / batch_size)).astype(np.int64).clip(max=len(self) - 1)
        return own[drawn[(drawn >= before) & (drawn < before + len(own))] - before]

    def keep_frames_on(self, device: torch.device, budget: int) -> None:
        """Frames are counted over all ranks and are not all here: they stay where they are."""

    @property
    def frame_shape(self) -> tuple[int, ...]:
        return self._images[self.part.number].shape[1:]

    def check_part(self, batch_size: int) -> None:
        """ValueError where this rank could be left without a row of a batch."""
        own = len(self._held[1])
        rows = batch_size * own / len(self)
        if rows < 2:
            raise ValueError(
                f"rank {self.part.number} of {self.part.of} holds {own} of {len(self)} "
                f"transitions, {rows:.2g} rows of a batch of {batch_size}; use fewer ranks, a "
                "larger algo.batch_size, or data.sharded=false"
            )

    @cached_property
    def _held(self) -> tuple[int, np.ndarray]:
        """How many transitions the ranks before this one hold, and the numbers of those here."""
        owners = np.repeat(np.arange(self.episodes) % self.part.of, self.lengths)
        return int((owners < self.part.number).sum()), np.flatnonzero(owners == self.part.number)
