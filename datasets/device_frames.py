"""A buffer's pixels once more, where a GPU reads them."""

import numpy as np
import torch
from torch import Tensor


class DeviceFrames:
    """All frames of a buffer in one tensor on a device, uint8, so that a batch is one gather.

    A copy over the bus takes longer than the update of a small network; a frame's number is
    eight bytes.
    """

    def __init__(self, device: torch.device, budget: int):
        """At most `budget` bytes are taken."""
        self.device, self.budget = device, budget
        self._frames = torch.empty(0, dtype=torch.uint8, device=device)
        self._count = 0

    def append(self, images: np.ndarray) -> bool:
        """[n, V, H, W, 3]; False, and nothing is kept, where there is no room for them."""
        end, each = self._count + len(images), images[0].nbytes
        if end > len(self._frames):
            room = min(2 * end, self.budget // each)
            if end > room:
                return False
            larger = self._frames.new_empty(room, *images.shape[1:])
            if self._count:
                larger[: self._count] = self._frames[: self._count]
            self._frames = larger
        self._frames[self._count : end] = torch.from_numpy(images).to(self.device)
        self._count = end
        return True

    def take(self, numbers: np.ndarray) -> Tensor:
        """The frames with these numbers, counted in the order in which they came.

        A GPU gets the numbers from pinned memory: any other copy waits until the GPU has done all
        that it was asked for, the last update included.
        """
        chosen = torch.from_numpy(numbers)
        if self.device.type == "cuda":
            chosen = chosen.pin_memory().to(self.device, non_blocking=True)
        return self._frames.index_select(0, chosen)
