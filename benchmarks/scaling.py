"""What a second worker and a second rank bring on this machine: `python benchmarks/scaling.py`.

Measures what benchmarks/scaling.json does not hold yet, and writes the tables of docs/scaling.md
from it; remove the file to measure anew. Minutes on two cores, with nothing else on them.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch
import torch.distributed as dist
from omegaconf import OmegaConf
from scaling_page import Measured, write

from calql_vision.agents import Agent, build_agent
from calql_vision.agents.ranks import ranks, sum_over_ranks
from calql_vision.cli.configuration import composed, register
from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.datasets.part import Part
from calql_vision.datasets.returns import RewardConfig
from calql_vision.datasets.whole_file import whole_file
from calql_vision.engine.environments import task_env
from calql_vision.engine.learn import learn
from calql_vision.engine.learner_ranks import learner_ranks
from calql_vision.engine.random_episodes import random_episode
from calql_vision.engine.ray_cluster import joined_cluster
from calql_vision.engine.rollouts import Rollouts, open_rollouts
from calql_vision.runs.launch import machine, versions
from calql_vision.stages.finetune import FinetuneConfig
from calql_vision.types import EnvSpec

FOUND = Path("benchmarks/scaling.json")
TASK = ("task=robosuite/Lift", "task.cameras=[agentview,robot0_eye_in_hand]", "task.image_size=84",
        "task.horizon=100", "threads=1", "device=cpu")  # fmt: skip
ENGINES = {
    "in the learner's process": [],
    "by 1 worker": ["rollouts=ray", "rollouts.lag=1"],
    "by 2 workers": ["rollouts=ray", "rollouts.workers=2", "rollouts.lag=2"],
}
WORKERS = 3  # of all engines together: each reserves a core, though they take turns
EPISODES, REPEATS, UPDATES_PER_EPISODE = 4, 3, 20
BATCHES = (32, 64, 128, 256)
SPEC = EnvSpec("benchmark", ("front", "wrist"), (48, 48), {"proprio": 4}, 4, 40, 10.0)


def config(*overrides: str) -> FinetuneConfig:
    register("finetune", FinetuneConfig)
    found = OmegaConf.to_object(composed("finetune", [*TASK, *overrides]))
    assert isinstance(found, FinetuneConfig)
    return found


def opened(stack: ExitStack, *overrides: str) -> tuple[Rollouts, Agent]:
    """Rollouts of an agent that has learnt nothing: its episodes last as long as they may."""
    asked = config(*overrides)
    env = task_env(asked.task)
    stack.callback(env.close)
    device = torch.device("cpu")
    agent = build_agent(env.pixel_spec, asked.algo, asked.encoder, device, seed=0)
    return stack.enter_context(open_rollouts(asked, env, agent)), agent


def rollouts() -> dict[str, float]:
    """Environment steps per second where nobody learns, by who makes them."""
    joined_cluster(cores=WORKERS)
    with ExitStack() as stack:
        makers = {name: opened(stack, *words)[0] for name, words in ENGINES.items()}

        def steps(maker: Rollouts) -> Callable[[], int]:
            return lambda: sum(map(len, maker.deterministic("validate", EPISODES)))

        return in_turn({name: steps(maker) for name, maker in makers.items()})


def online() -> dict[str, float]:
    """Environment steps per second of a learner that updates after every episode."""
    joined_cluster(cores=WORKERS)
    with ExitStack() as stack:
        loops = {name: loop(*opened(stack, *words)) for name, words in ENGINES.items()}
        return in_turn({name: partial(next, each) for name, each in loops.items()})


def loop(maker: Rollouts, agent: Agent) -> Iterator[int]:
    """Steps of a few episodes and their updates, for ever."""
    experience, generator = EpisodeBuffer(0.97, RewardConfig()), np.random.default_rng(0)
    number = 0
    while True:
        before = len(experience)
        for _ in range(EPISODES):
            experience.append(maker.next(number, random=False))
            number += 1
            learn(agent, experience, UPDATES_PER_EPISODE, generator)
        yield len(experience) - before


def in_turn(works: dict[str, Callable[[], int]]) -> dict[str, float]:
    """Steps per second of every work, the median of a few turns; the first is not counted."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(1 + REPEATS):
        for name, work in works.items():
            began = perf_counter()
            steps = work()
            found[name].append(steps / (perf_counter() - began))
    return {name: median(speeds[1:]) for name, speeds in found.items()}


def learners(count: int) -> dict[str, float]:
    """Updates per second of `count` ranks by batch size, and the time of an all-reduce."""
    words = ["--standalone", "--nproc-per-node", str(count), __file__, "rank"]
    command = [sys.executable, "-m", "torch.distributed.run", *words]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])


@learner_ranks()
def rank() -> None:
    """One of those ranks, with one thread."""
    torch.set_num_threads(1)
    found = {f"batch {size}": updates_per_second(size) for size in BATCHES}
    print(json.dumps(found | {"all-reduce ms": 1000 * all_reduce_seconds()}))


def learner(batch_size: int) -> Agent:
    asked = config(f"algo.batch_size={batch_size}")
    return build_agent(SPEC, asked.algo, asked.encoder, torch.device("cpu"), seed=0)


def updates_per_second(batch_size: int) -> float:
    agent, generator = learner(batch_size), np.random.default_rng(0)
    part = Part(dist.get_rank(), ranks()) if dist.is_initialized() else Part()
    experience = EpisodeBuffer(0.97, RewardConfig(), part=part)
    for _ in range(20):
        experience.append(random_episode(SPEC, 40, generator))
    learn(agent, experience, 3, generator)
    updates, began = max(10, 2560 // batch_size), perf_counter()
    learn(agent, experience, updates, generator)
    return updates / (perf_counter() - began)


def all_reduce_seconds(repeats: int = 50) -> float:
    gradients = [torch.zeros(gradient_bytes() // 4)]
    sum_over_ranks(gradients)
    began = perf_counter()
    for _ in range(repeats):
        sum_over_ranks(gradients)
    return (perf_counter() - began) / repeats


def gradient_bytes() -> int:
    optimizers = learner(64).optimizers.values()
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    return sum(4 * weight.numel() for group in groups for weight in group["params"])


def sizes() -> dict[str, float]:
    """Bytes of what goes between processes."""
    weights = learner(64).state_dict().values()
    pixels = 2 * 84 * 84 * 3
    return {
        "weights": sum(value.numel() * value.element_size() for value in weights),
        "gradients": gradient_bytes(),
        "step of an episode, two 84x84 cameras": pixels,
        "batch of 64, two 48x48 cameras": 64 * 2 * 2 * 48 * 48 * 3,
    }


def main() -> None:
    torch.set_num_threads(1)
    found: Measured = json.loads(FOUND.read_text()) if FOUND.exists() else {}
    todo: dict[str, Callable[[], dict]] = {
        "machine": lambda: machine() | versions(),
        "sizes": sizes,
        "rollouts": rollouts,
        "online": online,
        "1 rank": lambda: learners(1),
        "2 ranks": lambda: learners(2),
    }
    for name, measure in todo.items():
        if name not in found:
            print(f"{name} ...", flush=True)
            found[name] = measure()
            with whole_file(FOUND) as partial:
                partial.write_text(json.dumps(found, indent=2) + "\n")
    write(Path("docs/scaling.md"), found)


if __name__ == "__main__":
    rank() if sys.argv[1:] == ["rank"] else main()
