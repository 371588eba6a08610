"""Pictures of one shape in frames of another, without stretching what they show."""

import numpy as np

from calql_vision.datasets.hdf5_read import resized


def same_shape(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether (height, width) are in the same proportion, to the pixel."""
    return inner_size(one, other) == other


def inner_size(picture: tuple[int, int], frame: tuple[int, int]) -> tuple[int, int]:
    """The largest (height, width) in a picture's proportions that fits into the frame."""
    scale = min(frame[0] / picture[0], frame[1] / picture[1])
    height, width = (max(1, round(side * scale)) for side in picture)
    return height, width


def letterboxed(frames: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """uint8 [T, H, W, 3] at (height, width), with black bars where the proportions differ."""
    height, width = inner = inner_size((frames.shape[1], frames.shape[2]), size)
    if inner == size:
        return resized(frames, size)
    boxed = np.zeros((len(frames), *size, 3), dtype=np.uint8)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    boxed[:, top : top + height, left : left + width] = resized(frames, inner)
    return boxed
