"""Where the time of a gradient update goes, for a configuration on this machine."""

from dataclasses import dataclass, replace
from functools import partial
from statistics import median

import numpy as np
import torch

from calql_vision.agents import Agent, build_agent
from calql_vision.agents.config import AgentConfig
from calql_vision.configs import option
from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.engine.acceleration import accelerate, place_frames
from calql_vision.engine.bare_calls import BareCalls
from calql_vision.engine.breakdown import time_sections
from calql_vision.engine.demonstrations import load_demonstrations
from calql_vision.engine.device import choose_device
from calql_vision.engine.environments import task_env
from calql_vision.engine.learn import learn
from calql_vision.engine.loader import Loader
from calql_vision.engine.random_episodes import random_episode
from calql_vision.engine.timing import alternate
from calql_vision.engine.training import TrainingConfig, prepare
from calql_vision.types import EnvSpec


@dataclass
class ProfileConfig(TrainingConfig):
    """What a gradient update takes, by its parts and beside its bare arithmetic."""

    updates: int = option(
        20, "gradient updates per measurement, after as many uncounted ones", within="[1, 1e6]"
    )
    repeats: int = option(
        5, "measurements of each kind, in turn; their median is printed", within="[1, 1e4]"
    )


@dataclass(frozen=True)
class UpdateProfile:
    """Seconds per update."""

    update: float
    sections: dict[str, float]
    bare: float  # the convolutions and products alone
    without_penalty: float | None  # None: the algorithm has no penalty


def run(config: ProfileConfig) -> UpdateProfile:
    """Measure and print. Nothing is written and nothing learnt is kept."""
    prepare(config)
    device, env = choose_device(config.device), task_env(config.task)
    spec = env.pixel_spec
    env.close()
    buffer = episodes(config, spec)
    place_frames(config, device, buffer)
    found = measure(config, spec, buffer, device)
    where = f"{device.type}, {torch.get_num_threads()} threads"
    print(f"profile: {spec.name}, {config.algo.label}, {config.encoder.name}, {where}")
    print("\n".join(lines(found)))
    return found


def episodes(config: ProfileConfig, spec: EnvSpec) -> EpisodeBuffer:
    """The demonstrations, or noise of the same shapes where there are none."""
    if config.data.path or config.data_path.exists():
        return load_demonstrations(config, spec)
    print(f"profile: no {config.data_path}; noise in its place, which takes the same time")
    buffer = EpisodeBuffer(config.task.discount, config.reward, config.encoder.frame_stack)
    for number in range(20):
        buffer.append(random_episode(spec, spec.horizon, np.random.default_rng(number)))
    return buffer


def measure(
    config: ProfileConfig, spec: EnvSpec, buffer: EpisodeBuffer, device: torch.device
) -> UpdateProfile:
    def fresh(algo: AgentConfig) -> Agent:
        agent = build_agent(spec, algo, config.encoder, device, config.seed)
        accelerate(agent, config)
        return agent

    agent, generator, count = fresh(config.algo), np.random.default_rng(0), config.updates
    loader = Loader(buffer, config.algo.batch_size, generator, device)
    bare = BareCalls(lambda: agent.update(loader.next()))
    works = {
        "update": lambda: learn(agent, buffer, count, generator),
        "bare": lambda: [bare() for _ in range(count)],
    }
    if getattr(config.algo, "penalty_weight", 0) > 0:
        other = fresh(replace(config.algo, penalty_weight=0.0))  # type: ignore[call-arg]
        works["without_penalty"] = partial(learn, other, buffer, count, generator)
    seconds = alternate(works, config.repeats, device)
    each = {name: median(values) / count for name, values in seconds.items()}
    sections = time_sections(agent, loader, count)
    return UpdateProfile(
        each["update"], sections, each["bare"], without_penalty=each.get("without_penalty")
    )


def lines(found: UpdateProfile) -> list[str]:
    """One per section, then the whole."""
    total = sum(found.sections.values())
    return [
        *(f"  {n:<12}{1e3 * s:9.2f} ms{s / total:7.1%}" for n, s in found.sections.items()),
        f"  {'an update':<12}{1e3 * found.update:9.2f} ms   {1 / found.update:.1f} per second",
        f"  its convolutions and matrix products alone: {1e3 * found.bare:.2f} ms, "
        f"{found.bare / found.update:.0%} of it",
        *(
            [f"  without the penalty: {1e3 * found.without_penalty:.2f} ms"]
            if found.without_penalty is not None
            else []
        ),
    ]
