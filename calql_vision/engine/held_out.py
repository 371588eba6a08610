"""How good an agent is where nothing is rolled out: on demonstrations it does not learn from."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch

from calql_vision.agents import Agent
from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.datasets.frame_store import read_episodes_within
from calql_vision.datasets.hdf5 import Selection, demo_names, filter_keys, open_dataset, read_spec
from calql_vision.engine.demonstrations import as_shown, load_demonstrations, memory_budget
from calql_vision.engine.learner_ranks import this_part
from calql_vision.engine.q_values import has_critic, q_values
from calql_vision.formats import check_converted
from calql_vision.runs.config import RunConfig
from calql_vision.runs.metrics import Column
from calql_vision.types import EnvSpec, PixelBatch

Config = TypeVar("Config", bound=RunConfig)
_EVERY = 10  # demos, of which one is held out where the file does not say which
_BATCH = 256  # transitions


def recorded_task(config: Config) -> tuple[Config, EnvSpec]:
    """The task that a data file is about, without an environment: the configuration under its name.

    Raises ValueError where no file is given, DatasetError for a bad one.
    """
    if not config.data.path:
        raise ValueError("task=none learns from a file alone; give data.path=<file.hdf5>")
    check_converted(config.data_path)
    choice = Selection(
        filter_key=config.data.filter_key,
        cameras=config.task.cameras,
        proprio_keys=config.data.proprio_keys,
        image_size=config.task.image_size,
    )
    spec = read_spec(config.data_path, choice)
    if config.task.horizon:
        spec = replace(spec, horizon=config.task.horizon)
    return replace(config, task=replace(config.task, name=spec.name, horizon=spec.horizon)), spec


def split_demonstrations(config: RunConfig, spec: EnvSpec) -> tuple[EpisodeBuffer, EpisodeBuffer]:
    """(to learn from, held out): the file's `train` and `valid`, else every tenth demo is held out.

    Raises ValueError where there is nothing to hold out.
    """
    path, data = config.data_path, config.data
    if data.sharded:
        raise ValueError("data.sharded=true needs an environment to evaluate in; name a task")
    with open_dataset(path) as file:
        masks, count = filter_keys(file), len(demo_names(file, data.filter_key))
    if data.filter_key is None and masks.get("train") and masks.get("valid"):
        parts = _by_filter_keys(config, spec)
        whose = "the file's filter key valid"
    else:
        parts = _every_tenth(config, spec, count)
        whose = "every tenth, at least the last, because no filter keys train and valid say which"
    learnt, held_out = parts
    if not len(learnt) or not len(held_out):
        raise ValueError(f"{path}: too few demos with transitions to hold one out; record more")
    total = learnt.episodes + held_out.episodes
    print(f"held out: {held_out.episodes} of {total} demos, {whose}")
    return learnt, held_out


def _by_filter_keys(config: RunConfig, spec: EnvSpec) -> list[EpisodeBuffer]:
    """Frames on disk lie in a folder for each."""
    data = config.data
    store = data.frame_store or f"{config.data_path}.frames"
    choices = [
        replace(data, filter_key=key, frame_store=f"{store}.{key}") for key in ("train", "valid")
    ]
    return [load_demonstrations(replace(config, data=choice), spec) for choice in choices]


def _every_tenth(config: RunConfig, spec: EnvSpec, count: int) -> list[EpisodeBuffer]:
    data, every = config.data, min(_EVERY, count)
    buffers = [
        EpisodeBuffer(
            config.task.discount, config.reward, config.encoder.frame_stack, part=this_part()
        )
        for _ in range(2)
    ]
    episodes = read_episodes_within(
        config.data_path, memory_budget(data), data.frame_store, as_shown(spec, data)
    )
    for number, episode in enumerate(episodes):
        buffers[number % every == every - 1].append(episode)
    return buffers


@dataclass(frozen=True)
class HeldOut:
    """Stands where an environment would: what it is like, and how good an agent is."""

    pixel_spec: EnvSpec
    demonstrations: EpisodeBuffer

    @torch.no_grad()
    def examine(self, agent: Agent) -> dict[str, float]:
        """Columns of metrics.csv; the agent's random numbers go on as if it had not been asked."""
        state = agent.generator.get_state()
        parts = [(len(batch.action), _numbers(agent, batch)) for batch in self._batches(agent)]
        agent.generator.set_state(state)
        counts = [count for count, _ in parts]
        names = parts[0][1]
        row = {name: np.average([n[name] for _, n in parts], weights=counts) for name in names}
        return {name: float(value) for name, value in row.items()}

    def _batches(self, agent: Agent) -> Iterator[PixelBatch]:
        places = np.arange(len(self.demonstrations))
        for start in range(0, len(places), _BATCH):
            yield self.demonstrations.gather(places[start : start + _BATCH]).to(agent.device)


def _numbers(agent: Agent, batch: PixelBatch) -> dict[str, float]:
    """Means over a batch: losses as in training, augmented; the rest without augmentation."""
    _, metrics = agent.losses(agent.encode(batch))
    losses = {f"held_out/{n}": float(v) for n, v in metrics.items() if n.endswith("_loss")}
    policy = agent.act(batch.observation, deterministic=True)
    row = losses | {Column.ACTION_ERROR: float((policy - batch.action).abs().mean())}
    if has_critic(agent):
        q = q_values(agent, batch.observation, batch.action[:, None])[:, 0]
        row |= {
            Column.HELD_OUT_Q: float(q.mean()),
            Column.HELD_OUT_RETURN: float(batch.return_to_go.mean()),
            Column.Q_ERROR: float((q - batch.return_to_go).abs().mean()),
        }
    return row
