"""An array that grows at its end."""

import numpy as np


class GrowingArray:
    """Rows, one after another in one piece of memory, so that any of them are one indexed copy.

    There is room for up to as many rows again: n rows that arrive one by one are copied O(n) times.
    """

    def __init__(self) -> None:
        self._memory = np.empty(0)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def rows(self) -> np.ndarray:
        """All rows so far, [N, ...]; a view, which the next `extend` may leave behind."""
        return self._memory[: self._length]

    @property
    def nbytes(self) -> int:
        return self._memory.nbytes

    def extend(self, rows: np.ndarray) -> None:
        """Append `rows` [n, ...]; the first ones decide type and shape."""
        if not self._length:
            self._memory = rows[:0]
        end = self._length + len(rows)
        if end > len(self._memory):
            room = max(end, 2 * self._length)
            larger = np.empty((room, *self._memory.shape[1:]), self._memory.dtype)
            larger[: self._length] = self.rows
            self._memory = larger
        self._memory[self._length : end] = rows
        self._length = end
