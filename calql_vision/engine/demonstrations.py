"""Demonstrations as an environment would show them."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import numpy as np
import torch

from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.datasets.frame_store import parse_bytes, read_episodes_within
from calql_vision.datasets.hdf5 import Selection, demo_names, open_dataset
from calql_vision.datasets.hdf5_layout import listing
from calql_vision.datasets.hdf5_select import stored
from calql_vision.datasets.sharded_buffer import ShardedBuffer
from calql_vision.engine.learner_ranks import rank_0_first, this_part
from calql_vision.formats import check_converted
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
    check_converted(path)
    check_shapes(path, selection, env)
    buffer = _read(path, config, selection)
    if len(buffer) == 0:
        raise ValueError(f"{path}: no transition to learn from; collect more demonstrations")
    if isinstance(buffer, ShardedBuffer):
        buffer.check_part(config.algo.batch_size)
    return buffer


def _read(path: Path, config: RunConfig, selection: Selection) -> EpisodeBuffer:
    """Every episode; with pixels on every rank, or each on the one that owns it."""
    sharded, part = config.data.sharded, this_part()
    kind = ShardedBuffer if sharded else EpisodeBuffer
    buffer = kind(config.task.discount, config.reward, config.encoder.frame_stack, part=part)
    selection = replace(selection, part=part) if sharded else selection
    with rank_0_first():
        for episode in read_episodes_within(
            path, memory_budget(config.data), config.data.frame_store, selection
        ):
            buffer.append(episode)
    return buffer


def check_shapes(path: Path, selection: Selection, env: EnvSpec) -> None:
    """ValueError with all that `selection` and the environment ask for and a file lacks."""
    with open_dataset(path) as file:
        there = stored(file, demo_names(file, selection.filter_key))
    wanted = list(selection.proprio_keys or [])
    lacking = [
        *_missing("camera", [name.removesuffix("_image") for name in env.cameras], there.cameras),
        *_missing("proprioception", wanted, there.proprio),
    ]
    width = sum(there.proprio.get(key, 0) for key in wanted)
    if width != env.proprio_dim and set(wanted) <= set(there.proprio):
        lacking.append(f"proprioception of {width} numbers, not {env.proprio_dim}")
    if there.action_dim != env.action_dim:
        lacking.append(f"actions of {there.action_dim} numbers, not {env.action_dim}")
    if lacking:
        raise ValueError(
            f"{path} comes from {there.env} and does not fit task={env.name}, which was assumed: "
            f"it has {'; '.join(lacking)}; set `task` to where the data comes from, "
            "or task=none to learn without an environment"
        )


def _missing(kind: str, wanted: Iterable[str], there: Iterable[str]) -> list[str]:
    missing = [name for name in wanted if name not in there]
    return [f"no {kind} {', '.join(missing)} but {listing(there)}"] if missing else []


def checksum(buffer: EpisodeBuffer) -> int:
    """Of all numbers but the pixels, which take long; 0 where there is no episode."""
    if buffer.episodes == 0:
        return 0
    return crc32(buffer.all_actions().tobytes(), crc32(buffer.all_proprio().tobytes()))


def room_for_experience(data: DataConfig, demonstrations: EpisodeBuffer) -> int | None:
    """Bytes of `data.memory_budget` that are left for pixels of online episodes; None: no bound.

    Demonstrations that do not fit into it lie on disk.
    """
    budget, taken = memory_budget(data), demonstrations.pixel_bytes
    return budget if budget is None or taken > budget else budget - taken


def proprio_statistics(buffer: EpisodeBuffer) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation [P x frames] over all stored observations."""
    values = buffer.all_proprio()
    mean, std = values.mean(axis=0), values.std(axis=0)
    frames = buffer.frame_stack
    return torch.from_numpy(np.tile(mean, frames)), torch.from_numpy(np.tile(std, frames))
