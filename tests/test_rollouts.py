"""Laws of rollouts: an episode is its number and the weights, whoever makes it and when."""

import csv
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from calql_vision.agents import build_agent
from calql_vision.cli.configuration import composed, register
from calql_vision.engine.environments import task_env
from calql_vision.engine.parallel import map_in_order
from calql_vision.engine.policy import AgentPolicy
from calql_vision.engine.ray_cluster import joined_cluster
from calql_vision.engine.rollout import rollout
from calql_vision.engine.rollouts import open_rollouts
from calql_vision.engine.seeds import episode_seed, noise_seed
from calql_vision.runs.config import RolloutsConfig
from calql_vision.stages import collect, convert, evaluate, finetune

CONFIGS = {
    "collect": collect.CollectConfig,
    "convert": convert.ConvertConfig,
    "evaluate": evaluate.EvaluateConfig,
    "finetune": finetune.FinetuneConfig,
}
TINY = ("scale=smoke", "task.image_size=16", "task.horizon=12")
ONLINE = (*TINY, "algo=rlpd", "encoder.features=8", "algo.hidden=[16,16]", "algo.batch_size=8",
          "threads=1", "device=cpu", "task.effort=1", "scale.online_steps=80",
          "scale.evaluations=2", "scale.validation_episodes=3", "checkpoint_every=0",
          "algo.online.random_steps=20", "algo.online.updates_per_step=0.2",
          "output=here")  # fmt: skip
ENGINES = {"processes": ["rollouts.workers=2"], "ray": ["rollouts=ray", "rollouts.workers=2"]}
CLOCKS = {"wall_seconds"}


def config(stage: str, *overrides: str):
    register(stage, CONFIGS[stage])
    return OmegaConf.to_object(composed(stage, list(overrides)))


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """Two cores of this machine."""
    ray = joined_cluster(cores=2)
    yield ray
    ray.shutdown()


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "lift.hdf5"
    collect.run(config("collect", *TINY, "scale.episodes=3", f"output={path}"))
    return path


@pytest.fixture(scope="module")
def fine_tuned(data, tmp_path_factory):
    """fine_tuned(*overrides) -> the folder of such a run; each is run once."""
    known: dict[tuple[str, ...], Path] = {}

    def run(*overrides: str) -> Path:
        if overrides not in known:
            known[overrides] = tmp_path_factory.mktemp("run")
            train(known[overrides], data, *overrides)
        return known[overrides] / "here"

    return run


def train(place: Path, data: Path, *overrides: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        finetune.run(config("finetune", *ONLINE, f"data.path={data}", *overrides))


def assert_same_run(one: Path, other: Path) -> None:
    weights = [torch.load(f / "checkpoint.pt", weights_only=True)["weights"] for f in (one, other)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    assert metrics(one) == metrics(other)


def metrics(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [{name: cell for name, cell in row.items() if name not in CLOCKS} for row in rows]


def test_one_worker_of_ray_without_lag_equals_the_local_run(fine_tuned):
    assert_same_run(fine_tuned(), fine_tuned("rollouts=ray"))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_depends_on_its_lag_and_not_on_who_makes_the_episodes(engine, fine_tuned):
    local = fine_tuned("rollouts.lag=2")
    assert_same_run(local, fine_tuned("rollouts.lag=2", *ENGINES[engine]))
    assert metrics(local) != metrics(fine_tuned())


def test_an_episode_acts_by_weights_as_old_as_the_lag():
    asked, lag = config("finetune", *ONLINE, "rollouts.lag=2"), 2
    env = task_env(asked.task)
    options = (env.pixel_spec, asked.algo, asked.encoder, torch.device("cpu"))
    agent, old = build_agent(*options, seed=1), build_agent(*options, seed=1)
    versions = []
    with open_rollouts(asked, env, agent) as rollouts:
        for number in range(6):
            versions.append({name: value.clone() for name, value in agent.state_dict().items()})
            found = rollouts.next(number, random=False)
            old.load_state_dict(versions[max(number - lag, 0)])
            noise = torch.Generator().manual_seed(noise_seed(0, number))
            policy = AgentPolicy(old, False, noise)
            expected = rollout(env, policy, episode_seed("online", 0, number))
            assert np.array_equal(found.actions, expected.actions)
            learn_something(agent)
    env.close()


def learn_something(agent) -> None:
    with torch.no_grad():
        for weights in agent.parameters():
            weights.mul_(1.1)
    agent.updates += 1


def test_a_dead_worker_costs_an_episode_run_again(fine_tuned, data, tmp_path, killing):
    words = ("rollouts.lag=2", *ENGINES["ray"])
    with killing(["ray::_Actor"], (tmp_path / "here/state.pt").exists):
        train(tmp_path, data, *words)
    assert_same_run(fine_tuned(*words), tmp_path / "here")


def test_a_run_with_episodes_under_way_goes_on_where_it_was(fine_tuned, data, tmp_path):
    learn, calls = finetune.learn, []

    def stopping(*arguments):
        calls.append(learn(*arguments))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return calls[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finetune, "learn", stopping)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path, data, "rollouts.lag=2")
    train(tmp_path, data, "rollouts.lag=2", *ENGINES["processes"])
    assert_same_run(fine_tuned("rollouts.lag=2"), tmp_path / "here")


@pytest.mark.parametrize("engine", ENGINES)
def test_evaluations_are_the_same_wherever_they_are_made(engine, fine_tuned, tmp_path):
    words = ("scale=smoke", f"checkpoint={fine_tuned()}/checkpoint.pt", "videos=1")
    here, there = (
        evaluate.run(config("evaluate", *words, f"output={tmp_path / name}", *more))
        for name, more in (("here", []), ("there", ENGINES[engine]))
    )
    assert np.array_equal(here.lengths, there.lengths)
    assert np.array_equal(here.returns, there.returns)
    assert (tmp_path / "there/episodes.mp4").exists()


def test_files_are_the_same_whoever_made_their_episodes(data, tmp_path):
    path = tmp_path / "collected.hdf5"
    collect.run(config("collect", *TINY, "scale.episodes=3", f"output={path}", *ENGINES["ray"]))
    assert path.read_bytes() == data.read_bytes()
    converted = [tmp_path / "here.hdf5", tmp_path / "there.hdf5"]
    for path, more in zip(converted, ([], ENGINES["ray"]), strict=True):
        convert.run(config("convert", f"source={data}", f"output={path}", *more))
    assert converted[0].read_bytes() == converted[1].read_bytes()


@pytest.mark.parametrize("engine", ["local", "ray"])
def test_what_a_worker_raises_is_raised_here(engine):
    clumsy = partial(collect.Demonstrator, config("collect", *TINY).task, -1.0, 0)
    with pytest.raises(ValueError, match=r"noise=-1\.0"):
        list(map_in_order(clumsy, [5], RolloutsConfig(engine=engine, workers=2)))


def test_an_unknown_engine_is_refused(tmp_path):
    with pytest.raises(ValueError, match="choose local or ray"):
        collect.run(config("collect", *TINY, "rollouts.engine=rpc", f"output={tmp_path}/none.hdf5"))
    assert not list(tmp_path.iterdir())


def test_more_workers_than_cores_are_refused_instead_of_waited_for():
    how = RolloutsConfig(engine="ray", workers=3)
    maker = partial(collect.Demonstrator, config("collect", *TINY).task, 0.0, 0)
    with pytest.raises(ValueError, match=r"rollouts\.workers=3.*the Ray cluster has 2 cores"):
        list(map_in_order(maker, [5], how))
