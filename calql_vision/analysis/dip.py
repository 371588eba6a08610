"""What going online costs at first, in numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WINDOW = 20  # online episodes of the running success rate
EARLY = 100  # online episodes within which the dip is looked for
GOAL = 0.9  # the success rate to be reached


@dataclass(frozen=True)
class Dip:
    """How success went on after the switch; episodes are counted from the first online one."""

    depth: float | None  # success before minus the least running success early on
    recovery: int | None  # episodes until running success is back; 0 without a dip
    to_goal: int | None  # episodes until running success is 90 %

    @classmethod
    def of(cls, successes: Sequence[bool] | np.ndarray, offline: float | None) -> "Dip":
        """Of the online episodes in their order and the success rate of pre-training.

        A dip needs something to lose: with an offline rate of 0 or None there is none.
        """
        running = running_success(successes)
        to_goal = episodes_until(running, GOAL)
        if not offline or len(running) == 0:
            return cls(None, None, to_goal)
        return cls(dip_depth(running, offline), episodes_to_recover(running, offline), to_goal)


def running_success(successes: Sequence[bool] | np.ndarray) -> np.ndarray:
    """Success rate of the last WINDOW episodes, from episode WINDOW on: [episodes - WINDOW + 1]."""
    if len(successes) < WINDOW:
        return np.empty(0)
    counts = np.cumsum(np.concatenate(([0], np.asarray(successes, dtype=float))))
    return (counts[WINDOW:] - counts[:-WINDOW]) / WINDOW


def dip_depth(running: np.ndarray, offline: float) -> float:
    """Negative where success was never as low as before."""
    return float(offline - _early(running).min())


def episodes_to_recover(running: np.ndarray, offline: float) -> int | None:
    """Episodes until, after the bottom of the dip, success is back at the offline rate."""
    bottom = int(_early(running).argmin())
    if running[bottom] >= offline:
        return 0
    after = episodes_until(running[bottom:], offline)
    return None if after is None else bottom + after


def episodes_until(running: np.ndarray, level: float) -> int | None:
    """Episodes until running success first is at least `level`; None if it never is."""
    reached = np.flatnonzero(running >= level)
    return int(reached[0]) + WINDOW if len(reached) else None


def _early(running: np.ndarray) -> np.ndarray:
    return running[: EARLY - WINDOW + 1]
