"""Batches on the agent's device, one after another."""

from typing import Protocol

import numpy as np
import torch

from calql_vision.types import PixelBatch


class Sampler(Protocol):
    """EpisodeBuffer or MixedBuffer."""

    def sample(
        self, batch_size: int, generator: np.random.Generator, into: PixelBatch | None = None
    ) -> PixelBatch: ...


class Loader:
    """Samples into the same host memory every time; for a GPU that memory is pinned.

    A batch is good until the next is asked for.
    """

    def __init__(
        self,
        sampler: Sampler,
        batch_size: int,
        generator: np.random.Generator,
        device: torch.device,
    ):
        self._sampler, self._batch_size, self._generator = sampler, batch_size, generator
        self._device = device
        self._memory: PixelBatch | None = None
        self._copied = torch.cuda.Event() if device.type == "cuda" else None

    def next(self) -> PixelBatch:
        """The next batch, on the device."""
        if self._copied is not None and self._memory is not None:
            self._copied.synchronize()  # the last copy may still read the memory
        memory = self._sampler.sample(self._batch_size, self._generator, self._memory)
        if self._copied is None:
            self._memory = memory
            return memory
        self._memory = memory if memory.action.is_pinned() else memory.pinned()
        batch = self._memory.to(self._device)
        self._copied.record()
        return batch
