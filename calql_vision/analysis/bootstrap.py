"""Numbers across seeds and tasks, by the definitions of rliable (Agarwal et al., arXiv 2108.13264).

Scores are one float array [seeds] per task; tasks may have different numbers of seeds.
"""

from collections.abc import Callable, Sequence

import numpy as np

from calql_vision.runs.intervals import RESAMPLES, Interval, percentile_interval

Scores = Sequence[np.ndarray]

_TRIMMED = 0.25  # share cut off at either end by the interquartile mean


def interquartile_mean(scores: Scores) -> float:
    """Mean of the middle half of all runs of all tasks.

    A quarter of n runs is rounded down, as scipy's `trim_mean` does: three seeds lose none.
    """
    runs = np.sort(np.concatenate(scores))
    cut = int(_TRIMMED * len(runs))
    return float(runs[cut : len(runs) - cut].mean())


def probability_of_improvement(first: Scores, second: Scores) -> float:
    """How likely a run of `first` scores more than one of `second`, averaged over the tasks.

    Every run of one is compared with every run of the other; a tie counts one half.
    """
    return float(np.mean([_wins(x, y) for x, y in zip(first, second, strict=True)]))


def _wins(x: np.ndarray, y: np.ndarray) -> float:
    """Mann and Whitney's U over its largest value."""
    difference = x[:, None] - y
    return float((difference > 0).mean() + (difference == 0).mean() / 2)


def bootstrap_interval(
    statistic: Callable[..., float],
    *groups: Scores,
    generator: np.random.Generator,
) -> Interval:
    """`statistic(*groups)` with its 95 % percentile interval: stratified bootstrap.

    Seeds are drawn with replacement within each task of each group, never across them.
    """

    def redrawn(runs: np.ndarray) -> np.ndarray:
        return runs[generator.integers(len(runs), size=len(runs))]

    values = [
        statistic(*([redrawn(runs) for runs in scores] for scores in groups))
        for _ in range(RESAMPLES)
    ]
    return Interval(statistic(*groups), *percentile_interval(values))
