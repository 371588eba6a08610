"""95 % intervals: of a proportion, of a mean, of anything that was resampled."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

RESAMPLES = 2000  # of a bootstrap


class Interval(NamedTuple):
    """A number and the interval around it."""

    value: float
    low: float
    high: float


def wilson_interval(successes: int, episodes: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's score interval of a proportion (1927); 95 % by default. Within [0, 1]."""
    rate, spread = successes / episodes, z * z / episodes
    centre = (rate + spread / 2) / (1 + spread)
    radius = z / (1 + spread) * math.sqrt(rate * (1 - rate) / episodes + spread / episodes / 4)
    return max(0.0, centre - radius), min(1.0, centre + radius)


def mean_interval(values: np.ndarray, generator: np.random.Generator) -> Interval:
    """The mean of `values` [N] with its 95 % percentile bootstrap interval."""
    drawn = generator.integers(len(values), size=(RESAMPLES, len(values)))
    return Interval(float(values.mean()), *percentile_interval(values[drawn].mean(axis=1)))


def percentile_interval(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)
