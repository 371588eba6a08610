"""Every n-th of many things: what one of several processes takes of the work."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Part:
    """Things number, number + of, number + 2 of, ...; the default is all of them."""

    number: int = 0
    of: int = 1

    def __contains__(self, thing: int) -> bool:
        return thing % self.of == self.number

    def rows(self, array: np.ndarray) -> np.ndarray:
        """This part of the rows of an array."""
        return array[self.number :: self.of]


ALL = Part()
