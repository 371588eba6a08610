"""How long an episode may last, where demonstrations tell how long the task takes."""

from dataclasses import replace
from math import ceil

import numpy as np

from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.engine.environments import task_env
from calql_vision.runs.config import TaskConfig
from calql_vision.types import PixelEnv

SHARE = 95  # percent of the successful demonstrations that must fit
ROOM = 1.5  # times as long as that: a learner is slower than its teacher


def fitting_horizon(demonstrations: EpisodeBuffer, horizon: int) -> int:
    """Steps of a time limit that demonstrations fit into: `horizon` unless that is too short.

    A perfect copy of the demonstrator fails where demonstrations are longer than the limit.
    """
    lengths = demonstrations.success_lengths
    if len(lengths) == 0 or np.percentile(lengths, SHARE) <= horizon:
        return horizon
    return ceil(ROOM * np.percentile(lengths, SHARE))


def with_fitting_horizon(
    task: TaskConfig, env: PixelEnv, demonstrations: EpisodeBuffer
) -> tuple[TaskConfig, PixelEnv]:
    """The task and its environment with a time limit that demonstrations fit into.

    A limit that `task.horizon` states is left alone (the preflight refuses one that is too
    short); a new environment takes the place of `env`, which is closed.
    """
    own = env.pixel_spec.horizon
    horizon = fitting_horizon(demonstrations, own)
    if task.horizon is not None or horizon == own:
        return task, env
    print(f"time limit {horizon} steps, not {own}: the demonstrations take longer than that")
    env.close()
    task = replace(task, horizon=horizon)
    return task, task_env(task)
