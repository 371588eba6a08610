"""What counts as success in a Gymnasium environment."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from calql_vision.envs.gym.registered import Outcome, Registered

#: Entries of `info` that environments use for it.
ENTRIES = ("is_success", "success", "goal_achieved")
TERMINATED = "terminated"


def success_test(
    inner: Registered, entry: str | None, reward_threshold: float | None
) -> Callable[[Outcome], bool]:
    """Whether a step succeeded; makes a step to see what `info` holds.

    `entry` of `info`, or "terminated": the environment ends when the task is done. None: the
    first of ENTRIES that there is. A `reward_threshold` goes before both. Raises ValueError if
    there is no such entry.
    """
    if reward_threshold is not None:
        return lambda outcome: outcome.reward >= reward_threshold
    if entry == TERMINATED:
        return lambda outcome: outcome.terminated
    info = inner.advance(np.zeros(inner.action_dim)).info
    found = entry or next((name for name in ENTRIES if name in info), None)
    if found not in info:
        asked = f"no {entry!r}" if entry else f"none of {', '.join(ENTRIES)}"
        raise ValueError(
            f"{inner.task}: info has {asked}, only {', '.join(info) or 'nothing'}; set "
            f"task.kwargs.success to an entry or to {TERMINATED}, or task.kwargs.reward_threshold"
        )
    return lambda outcome: bool(outcome.info[found])
