"""Demonstrations as an environment would show them."""

import numpy as np
import torch

from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.datasets.frame_store import parse_bytes, read_episodes_within
from calql_vision.datasets.hdf5 import Selection, read_spec
from calql_vision.runs.config import DataConfig, RunConfig
from calql_vision.types import EnvSpec


def as_shown(env: EnvSpec, data: DataConfig) -> Selection:
    """Of a file the demos that `data` chooses, with the cameras and numbers of `env`."""
    return Selection(
        filter_key=data.filter_key,
        cameras=env.cameras,
        proprio_keys=data.proprio_keys or list(env.proprio),
        image_size=env.image_size,
    )


def memory_budget(data: DataConfig) -> int | None:
    """In bytes; None: no bound. Raises ValueError."""
    try:
        return None if data.memory_budget is None else parse_bytes(data.memory_budget)
    except ValueError as error:
        raise ValueError(f"data.memory_budget: {error}") from error


def load_demonstrations(config: RunConfig, env: EnvSpec) -> EpisodeBuffer:
    """The demonstrations as the environment would show them.

    Raises ValueError where the file's cameras, proprioception or actions cannot be the
    environment's.
    """
    path, selection = config.data_path, as_shown(env, config.data)
    found = read_spec(path, selection)
    for name in ("proprio_dim", "action_dim"):
        theirs, ours = getattr(found, name), getattr(env, name)
        if theirs != ours:
            raise ValueError(f"{path}: {name} is {theirs} but {env.name} has {ours}; check `task`")
    buffer = EpisodeBuffer(config.task.discount, config.reward, config.encoder.frame_stack)
    budget, folder = memory_budget(config.data), config.data.frame_store
    for episode in read_episodes_within(path, budget, folder, selection):
        buffer.append(episode)
    if len(buffer) == 0:
        raise ValueError(f"{path}: no transition to learn from; collect more demonstrations")
    return buffer


def proprio_statistics(buffer: EpisodeBuffer) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation [P x frames] over all stored observations."""
    values = buffer.all_proprio()
    mean, std = values.mean(axis=0), values.std(axis=0)
    frames = buffer.frame_stack
    return torch.from_numpy(np.tile(mean, frames)), torch.from_numpy(np.tile(std, frames))
