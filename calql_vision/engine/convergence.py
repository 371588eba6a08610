"""Has the critic converged or diverged? How long must pre-training last, what is said after it?"""

from collections.abc import Sequence
from math import ceil

from calql_vision.agents import AgentConfig
from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.runs.config import ScaleConfig, TaskConfig

_SLACK = 0.1  # of the range of possible returns
_STILL_MOVING = 0.05  # of that range, over the last fifth of pre-training


def pretraining_updates(
    scale: ScaleConfig, task: TaskConfig, algo: AgentConfig, demonstrations: EpisodeBuffer
) -> int:
    """What `scale` and `task.effort` ask for, but enough for values to travel.

    A sparse terminal value moves one step back per 1 / tau updates, so that it needs L / tau to
    reach the start of episodes of L steps; runs of less than twice that dipped or collapsed online.
    Targets that are bounded by the returns obtained know them from the start.
    """
    asked = round(scale.updates * task.effort)
    lengths = demonstrations.success_lengths
    travel = algo.value_travel(lengths.mean()) if len(lengths) else 0.0
    return max(1, asked, ceil(scale.value_travels * travel))


def unconverged_critic(
    q_data: Sequence[float], return_to_go: float, possible: tuple[float, float]
) -> str | None:
    """A warning if, at the end of pre-training, values are too low or have not settled.

    `q_data`: mean Q of the data over time, evenly logged; `return_to_go`: mean return of the data.
    """
    width, last = possible[1] - possible[0], q_data[-1]
    moved = abs(last - q_data[-1 - len(q_data) // 5])
    if last < return_to_go - _SLACK * width:
        reason = f"Q(data) = {last:.1f} is still below the mean return {return_to_go:.1f}"
    elif moved > _STILL_MOVING * width:
        reason = f"Q(data) = {last:.1f} moved by {moved:.1f} over the last fifth"
    else:
        return None
    return f"pre-training was too short: {reason}; raise scale.updates"


def diverged_critic(q_data: float, possible: tuple[float, float]) -> str | None:
    """A warning if Q(data) has left the range of possible returns by a tenth of its width.

    Such a critic no longer measures anything and its policy does not learn.
    """
    low, high = possible
    slack = _SLACK * (high - low)
    if low - slack <= q_data <= high + slack:
        return None
    return (
        f"Q(data) = {q_data:.1f} has left the range [{low:.1f}, {high:.1f}] that rewards and "
        "discount allow; try reward.scale=1 reward.bias=-1 or, where the method has one, "
        "a smaller algo.penalty_weight"
    )
