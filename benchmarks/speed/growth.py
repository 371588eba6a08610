"""How an update grows with what it is given: one thing at a time, everything else the default."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from calql_vision.agents import build_agent
from calql_vision.engine.learn import learn
from calql_vision.engine.timing import alternate
from calql_vision.types import EnvSpec
from speed.measurement import Measurement
from speed.updates import CPU, SETTINGS, buffer_of

EPISODES = 10  # of 40 steps, where the size of the data set is not what varies
UPDATES = 5


@dataclass(frozen=True)
class Size:
    """One point: what differs from the default."""

    batch: int = 64
    n_actions: int = 4
    cameras: int = 2
    image_size: int = 48
    episodes: int = EPISODES


DEFAULT = Size()
PANELS: dict[str, dict[int, Size]] = {
    "transitions stored": {40 * n: Size(episodes=n) for n in (10, 100, 1000)},
    "batch": {n: Size(batch=n) for n in (16, 64, 256)},
    "cameras": {n: Size(cameras=n) for n in (1, 2, 4)},
    "image size, pixels": {n: Size(image_size=n) for n in (32, 48, 84)},
    "N, sampled actions": {n: Size(n_actions=n) for n in (1, 4, 10, 20)},
}


def measure(brief: bool) -> list[Measurement]:
    found = []
    for panel, sizes in PANELS.items():
        chosen = dict(list(sizes.items())[:1]) if brief else sizes
        works = {"default": training(DEFAULT)}
        works |= {str(value): training(size) for value, size in chosen.items()}
        seconds = alternate(works, 1 if brief else 3)
        each = {name: [1e3 * s / UPDATES for s in values] for name, values in seconds.items()}
        found.append(Measurement(f"Growth: {panel}", "ms per update", "default", each))
    return found


def training(size: Size) -> partial:
    """`UPDATES` updates, sampling included."""
    config = SETTINGS["updates_default"].config()
    config.algo.batch_size, config.algo.n_actions = size.batch, size.n_actions  # type: ignore
    cameras, side = tuple("abcd"[: size.cameras]), size.image_size
    spec = EnvSpec("benchmark", cameras, (side, side), {"numbers": 4}, 4, 40, 10.0)
    agent = build_agent(spec, config.algo, config.encoder, CPU, seed=0)
    buffer = buffer_of(spec, size.episodes)
    return partial(learn, agent, buffer, UPDATES, np.random.default_rng(0))
