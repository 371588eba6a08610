"""Images that stay in a file and are read one observation at a time."""

import os
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np


@dataclass(frozen=True)
class FramesOnDisk:
    """The images of an episode, uint8 [T+1, V, H, W, 3], within an open file.

    One descriptor serves any number of episodes, where a memory map each would take one of its
    own; and a file that grows cannot be mapped ahead.
    """

    file: BinaryIO
    offset: int  # of the first byte
    shape: tuple[int, ...]

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """In memory."""
        return 0

    def __getitem__(self, step: int) -> np.ndarray:
        """One observation, uint8 [V, H, W, 3]."""
        size = int(np.prod(self.shape[1:]))
        content = os.pread(self.file.fileno(), size, self.offset + step * size)
        return np.frombuffer(content, dtype=np.uint8).reshape(self.shape[1:])
