"""Methods side by side: intervals across seeds, and the parts of regret."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from calql_vision.analysis.bootstrap import (
    Scores,
    bootstrap_interval,
    interquartile_mean,
    probability_of_improvement,
)
from calql_vision.analysis.outcome import final_success, regret
from calql_vision.runs.intervals import Interval
from calql_vision.runs.record import Run, TaskRuns

REFERENCE = "cal_ql"  # the method that the others are compared with
FEWEST = 3  # seeds; with fewer, an interval across seeds says nothing


@dataclass(frozen=True)
class SeedIntervals:
    """One method; None where it, or the reference, has too few seeds with that number."""

    label: str
    seeds: int
    final: Interval | None  # interquartile mean of the final success rates
    regret: Interval | None
    beaten_final: Interval | None  # probability that a seed of the reference ends higher
    beaten_regret: Interval | None  # ... that it has less regret


def seed_intervals(tasks: Sequence[TaskRuns]) -> list[SeedIntervals]:
    """Methods that went online or were evaluated with at least FEWEST seeds on every task."""
    shared = [label for label in tasks[0].methods if all(label in t.methods for t in tasks)]
    rows = [_seed_intervals(label, tasks) for label in shared]
    return [row for row in rows if row.final or row.regret]


def _seed_intervals(label: str, tasks: Sequence[TaskRuns]) -> SeedIntervals:
    runs = [task.methods[label] for task in tasks]
    reference = [[] if label == REFERENCE else task.methods.get(REFERENCE, []) for task in tasks]
    return SeedIntervals(
        label,
        min(map(len, runs)),
        _interval(interquartile_mean, _finals(runs)),
        _interval(interquartile_mean, _regrets(runs)),
        _interval(probability_of_improvement, _finals(reference), _finals(runs)),
        # Less is better.
        _interval(probability_of_improvement, *(_negative(_regrets(r)) for r in (reference, runs))),
    )


def _finals(tasks: Sequence[Sequence[Run]]) -> Scores:
    """Final success rates, [seeds that were evaluated] per task."""
    counts = [map(final_success, runs) for runs in tasks]
    return [np.array([count.rate for count in found if count]) for found in counts]


def _regrets(tasks: Sequence[Sequence[Run]]) -> Scores:
    """Cumulative regrets, [seeds that went online] per task."""
    found = [map(regret, runs) for runs in tasks]
    return [np.array([each for each in regrets if each is not None]) for regrets in found]


def _negative(scores: Scores) -> Scores:
    return [-seeds for seeds in scores]


def _interval(statistic: Callable[..., float], *groups: Scores) -> Interval | None:
    """None where a group has too few seeds of a task."""
    if min(len(seeds) for scores in groups for seeds in scores) < FEWEST:
        return None
    return bootstrap_interval(statistic, *groups, generator=np.random.default_rng(0))
