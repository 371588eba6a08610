"""Demonstrations: opening a file, sampling from it, and the bytes that a transition takes."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np

from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.datasets.frame_store import read_episodes_within
from calql_vision.datasets.hdf5 import EpisodeWriter
from calql_vision.datasets.returns import RewardConfig
from calql_vision.engine.loader import Loader
from calql_vision.engine.random_episodes import random_episode
from calql_vision.engine.timing import alternate
from calql_vision.types import EnvSpec, Episode
from speed.measurement import Measurement
from speed.updates import CPU

SPEC = EnvSpec("tabletop/lift", ("front", "wrist"), (84, 84), {"numbers": 4}, 4, 100, 10.0)
EPISODES, STEPS, BATCH = 240, 100, 256  # 1 GB of pixels
BATCHES = 20


def measure(brief: bool) -> list[Measurement]:
    episodes, repeats = (2, 1) if brief else (EPISODES, 3)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "demonstrations.hdf5"
        write(path, episodes)
        opening: dict[str, Callable[[], object]] = {
            "h5py reads every array": partial(read_bare, path),
            "ours, into memory": partial(opened, path, None),
            "ours, mapped from its store": partial(opened, path, 0),
        }
        seconds = alternate(opening, repeats)
        buffers = {"memory": opened(path, None), "mapped": opened(path, 0)}
        sampling = alternate(samplers(buffers), repeats)
        each = {name: [1e3 * s / BATCHES for s in values] for name, values in sampling.items()}
        size = f"{path.stat().st_size / 1e9:.1f} GB"
        stored = stored_bytes(path, buffers["memory"])
    return [
        Measurement(f"Opening a file of {size}", "s", "h5py reads every array", seconds),
        Measurement(f"Sampling {BATCH} transitions, two 84x84 cameras", "ms", STACKED, each),
        Measurement("Bytes per transition, two 84x84 cameras", "kB", BOTH, stored),
    ]


def write(path: Path, episodes: int) -> None:
    with EpisodeWriter(path, SPEC, versions={}, next_obs=False) as writer:
        for number in range(episodes):
            writer.append(random_episode(SPEC, STEPS, np.random.default_rng(number)))


def read_bare(path: Path) -> None:
    def read(_: str, node: h5py.Group | h5py.Dataset) -> None:
        if isinstance(node, h5py.Dataset):
            node[()]

    with h5py.File(path) as file:
        file["data"].visititems(read)


def opened(path: Path, budget: int | None) -> EpisodeBuffer:
    return filled(read_episodes_within(path, budget))


def filled(episodes: Iterable[Episode]) -> EpisodeBuffer:
    buffer = EpisodeBuffer(0.97, RewardConfig())
    for each in episodes:
        buffer.append(each)
    return buffer


STACKED = "samples stacked one by one"
BOTH = "observation and next observation, both kept"


def samplers(buffers: dict[str, EpisodeBuffer]) -> dict:
    works: dict = {STACKED: partial(stack, buffers["memory"])}
    for name, buffer in buffers.items():
        loader = Loader(buffer, BATCH, np.random.default_rng(0), CPU)
        works[f"ours, from {name}"] = partial(draw, loader)
    return works


def draw(loader: Loader) -> None:
    for _ in range(BATCHES):
        loader.next()


def stack(buffer: EpisodeBuffer) -> None:
    """Every transition by itself, then all of them into new arrays, as data loaders do it."""
    random = np.random.default_rng(0)
    for _ in range(BATCHES):
        found = [buffer.gather(number[None]) for number in random.integers(len(buffer), size=BATCH)]
        for seen in ("observation", "next_observation"):
            np.concatenate([getattr(each, seen).images.numpy() for each in found])


def stored_bytes(path: Path, buffer: EpisodeBuffer) -> dict[str, list[float]]:
    frame = len(SPEC.cameras) * 84 * 84 * 3
    return {
        BOTH: [2 * frame / 1e3],
        "ours, in memory": [buffer.nbytes / len(buffer) / 1e3],
        "ours, in the file": [path.stat().st_size / len(buffer) / 1e3],
    }
