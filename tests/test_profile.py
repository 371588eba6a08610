"""Laws of the stage `profile` and of what it measures with."""

from functools import partial
from time import perf_counter

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from calql_vision.agents import AGENTS, build_agent
from calql_vision.cli.configuration import composed, register
from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.datasets.returns import RewardConfig
from calql_vision.encoders.cnn import CNNConfig
from calql_vision.engine.bare_calls import BareCalls
from calql_vision.engine.breakdown import SECTIONS, SectionClock, time_sections
from calql_vision.engine.learn import learn
from calql_vision.engine.loader import Loader
from calql_vision.engine.random_episodes import random_episode
from calql_vision.engine.timing import alternate
from calql_vision.stages import profile
from calql_vision.types import EnvSpec

CPU = torch.device("cpu")
SPEC = EnvSpec("tabletop/lift", ("front", "wrist"), (16, 16), {"position": 3}, 4, 10, 10.0)
TINY = ("task.image_size=16", "encoder.features=8", "algo.hidden=[16,16]", "algo.batch_size=8",
        "threads=1", "updates=1", "repeats=1")  # fmt: skip


def buffer() -> EpisodeBuffer:
    found = EpisodeBuffer(0.9, RewardConfig())
    for number in range(3):
        found.append(random_episode(SPEC, 6, np.random.default_rng(number)))
    return found


def agent_of(name: str):
    config = AGENTS[name].options(hidden=[16, 16], batch_size=8)
    return build_agent(SPEC, config, CNNConfig(features=8), CPU, seed=0)


def loader_of(agent) -> Loader:
    return Loader(buffer(), agent.config.batch_size, np.random.default_rng(0), CPU)


@pytest.mark.parametrize("name", AGENTS)
def test_an_agent_that_is_watched_learns_the_same_and_is_left_as_it_was(name):
    watched, alone = agent_of(name), agent_of(name)
    attributes = set(vars(watched))
    seconds = time_sections(watched, loader_of(watched), 2)
    learn(alone, buffer(), 2, np.random.default_rng(0))
    for key, value in alone.state_dict().items():
        assert torch.equal(value, watched.state_dict()[key]), key
    assert {"sample", "augment", "encode", "actor", "losses", "optimizers"} <= set(seconds)
    assert set(seconds) <= set(SECTIONS)
    assert all(value > 0 for value in seconds.values())
    assert set(vars(watched)) == attributes
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in watched.modules())


def test_the_sections_of_an_update_are_within_its_time():
    agent = agent_of("cal_ql")
    loader = loader_of(agent)
    started = perf_counter()
    seconds = time_sections(agent, loader, 3)
    assert 3 * sum(seconds.values()) <= perf_counter() - started
    assert set(seconds) == set(SECTIONS)


def test_an_inner_section_is_not_counted_for_the_outer_one():
    clock = SectionClock(CPU)
    clock.start("outer")
    clock.start("inner")
    clock.go_on_as("rest")
    clock.stop()
    before = clock.seconds["inner"], clock.seconds["rest"]
    clock.stop()
    assert (clock.seconds["inner"], clock.seconds["rest"]) == before
    assert clock.seconds["outer"] > 0


@pytest.mark.parametrize("name", AGENTS)
def test_the_bare_calls_are_those_of_the_update(name):
    agent = agent_of(name)
    loader = loader_of(agent)
    bare = BareCalls(lambda: agent.update(loader.next()))
    again = BareCalls(bare)
    assert [call[0] for call in again.calls] == [call[0] for call in bare.calls]
    assert shapes(again) == shapes(bare)
    names = {str(call[0]) for call in bare.calls}
    assert {"aten.convolution.default", "aten.convolution_backward.default"} <= names


def shapes(bare: BareCalls) -> list:
    tensors = [[a for a in call[1] if isinstance(a, torch.Tensor)] for call in bare.calls]
    return [[(t.shape, t.stride()) for t in each] for each in tensors]


def test_works_take_turns():
    order: list[str] = []
    found = alternate({n: partial(order.append, n) for n in "ab"}, repeats=3)
    assert order == ["a", "b"] * 4, "once uncounted"
    assert {name: len(values) for name, values in found.items()} == {"a": 3, "b": 3}


def config(*words: str):
    register("profile", profile.ProfileConfig)
    return OmegaConf.to_object(composed("profile", [*TINY, *words]))


@pytest.mark.parametrize("algo", ["cal_ql", "iql"])
def test_the_stage_prints_every_part_and_leaves_nothing(algo, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    found = profile.run(config(f"algo={algo}"))
    printed = capsys.readouterr().out
    assert "noise in its place" in printed
    for name in found.sections:
        assert name in printed
    assert (found.without_penalty is None) is (algo == "iql")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("key", ["updates", "repeats"])
def test_no_measurement_at_all_is_refused(key):
    with pytest.raises(ValueError, match=f"{key}=0 is outside"):
        profile.run(config(f"{key}=0"))
