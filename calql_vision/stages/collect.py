"""Demonstrations: a scripted expert acts, every episode goes to disk as it ends."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np

from calql_vision.configs import option
from calql_vision.configs.ranges import check_ranges
from calql_vision.datasets.hdf5 import EpisodeWriter
from calql_vision.datasets.progress import progress
from calql_vision.datasets.whole_file import check_output
from calql_vision.engine.environments import task_env
from calql_vision.engine.parallel import map_in_order
from calql_vision.engine.rollout import rollout
from calql_vision.engine.seeds import episode_seed
from calql_vision.envs import make_expert
from calql_vision.runs.config import RolloutsConfig, ScaleConfig, TaskConfig
from calql_vision.runs.launch import software_versions, typed_command
from calql_vision.types import EnvSpec, Episode


@dataclass
class CollectConfig:
    """Scripted demonstrations of one task, into one HDF5 file of robomimic's layout."""

    task: TaskConfig = field(default_factory=TaskConfig)
    output: str | None = option(None, "path of the file; null: data/<task>.hdf5")
    scale: ScaleConfig = field(default_factory=ScaleConfig)
    rollouts: RolloutsConfig = field(default_factory=RolloutsConfig)
    episodes: int | None = option(
        None,
        "failed ones included; null: scale.episodes times task.demonstrations",
        within="[1, 5e5]",
    )
    seed: int = option(0, "of the run; episode i has a seed of its own", within="[0, 999]")
    noise: float | None = option(
        None, "action noise of the expert, 0 is perfect; null: task.noise", within="[0, 10]"
    )
    gzip: bool = option(False, "smaller, slower to read")
    next_obs: bool = option(False, "store every observation twice, and the last one at all")
    done_mode: int = option(
        2, "dones are 1: 0 in success, 1 at the last step, 2 both", within="[0, 2]"
    )
    overwrite: bool = option(False, "replace an existing file")


@dataclass(frozen=True)
class CollectResult:
    """What was written."""

    path: Path
    episodes: int
    transitions: int
    successes: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.path}: {self.episodes} episodes, {self.transitions} transitions, "
            f"{self.successes / self.episodes:.0%} successful, "
            f"{self.path.stat().st_size / 1e6:.1f} MB, {self.seconds:.1f} s"
        )


def run(config: CollectConfig) -> CollectResult:
    """Collect, write and say what was written.

    Raises ValueError for an impossible configuration and for an existing file, which is
    replaced only with `overwrite`. An interrupted run leaves no file.
    """
    if config.task.file and not config.output:
        raise ValueError(
            f"task={config.task.name} is a file with demonstrations of its own; give output=..."
        )
    path = Path(config.output or config.task.data_path)
    check_ranges(config)
    check_output(path, config.overwrite)
    started = perf_counter()
    lengths, successes = _collect(config, path, _amount(config))
    result = CollectResult(
        path, len(lengths), sum(lengths), successes, seconds=perf_counter() - started
    )
    print(result)
    return result


def _amount(config: CollectConfig) -> int:
    if config.episodes is not None:
        return config.episodes
    return max(1, round(config.scale.episodes * config.task.demonstrations))


def _collect(config: CollectConfig, path: Path, episodes: int) -> tuple[list[int], int]:
    """Lengths of the episodes and the number of successful ones."""
    lengths, successes = [], 0
    writer = EpisodeWriter(
        path,
        _spec(config.task),
        versions=software_versions(),
        compression="gzip" if config.gzip else None,
        next_obs=config.next_obs,
        done_mode=config.done_mode,
        command=typed_command(),
    )
    noise = config.task.noise if config.noise is None else config.noise
    worker = partial(Demonstrator, config.task, noise, config.seed)
    with writer, progress(total=episodes, desc="collect", unit="episode") as bar:
        for episode in map_in_order(worker, range(episodes), config.rollouts):
            writer.append(episode)
            lengths.append(len(episode))
            successes += episode.success
            bar.set_postfix_str(f"success {successes / len(lengths):.0%}", refresh=False)
            bar.update()
    return lengths, successes


def _spec(task: TaskConfig) -> EnvSpec:
    env = task_env(task, collecting=True)
    try:
        return env.pixel_spec
    finally:
        env.close()


class Demonstrator:
    """Makes the run's episode number i, which depends on nothing but the seed and i."""

    def __init__(self, task: TaskConfig, noise: float | None, seed: int):
        self._env, self._noise, self._seed = task_env(task, collecting=True), noise, seed

    def __call__(self, number: int) -> Episode:
        seed = episode_seed("collect", self._seed, number)
        # The same integer would hand the expert the random numbers that placed the objects.
        expert_seed = int(np.random.SeedSequence((seed, 1)).generate_state(1)[0])
        expert = make_expert(self._env, noise=self._noise, seed=expert_seed)
        return rollout(self._env, expert, seed, record_states=True)

    def close(self) -> None:
        self._env.close()
