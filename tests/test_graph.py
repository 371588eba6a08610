"""Laws of the recorded update that hold without a GPU; tests/gpu has the others."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch._dynamo.utils import counters
from torch.utils._python_dispatch import TorchDispatchMode

from calql_vision.agents import AGENTS, Agent, build_agent
from calql_vision.agents.soft import SoftConfig
from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.datasets.returns import RewardConfig
from calql_vision.encoders.cnn import CNNConfig
from calql_vision.encoders.frozen import FrozenFeatures
from calql_vision.engine.acceleration import (
    accelerate,
    check_acceleration,
    compilation,
    compile_networks,
)
from calql_vision.engine.graph import StaticUpdate, baked_in
from calql_vision.engine.learn import learn
from calql_vision.engine.random_episodes import random_episode
from calql_vision.engine.snapshot import Snapshot
from calql_vision.runs.config import RunConfig
from calql_vision.types import EnvSpec, PixelBatch

CPU = torch.device("cpu")
SPEC = EnvSpec("tabletop/lift", ("front", "wrist"), (16, 16), {"position": 3}, 4, 10, 10.0)


def agent_of(name: str, **options) -> Agent:
    config = AGENTS[name].options(hidden=[16, 16], batch_size=8, own_actor_encoder=True, **options)
    if isinstance(config, SoftConfig):
        config = replace(config, bc_updates=3, cloning_weight=0.5)
    return build_agent(SPEC, config, CNNConfig(features=8), CPU, seed=0)


@pytest.fixture(scope="module")
def batches() -> list[PixelBatch]:
    buffer, draws = EpisodeBuffer(0.9, RewardConfig()), np.random.default_rng(0)
    for number in range(3):
        buffer.append(random_episode(SPEC, 6, np.random.default_rng(number)))
    return [buffer.sample(8, draws) for _ in range(6)]


def assert_same(one: Agent, other: Agent) -> None:
    for key, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[key]), key
    assert one.updates == other.updates
    assert torch.equal(one.generator.get_state(), other.generator.get_state())


@pytest.mark.parametrize("name", AGENTS)
def test_an_update_on_static_memory_is_the_plain_one_bit_for_bit(name, batches):
    plain, other = agent_of(name), agent_of(name)
    static = StaticUpdate(other)
    for batch in batches:
        expected, found = plain.update(batch), static(batch)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[key], value) for key, value in expected.items())
    assert_same(plain, other)


@pytest.mark.parametrize("name", AGENTS)
@pytest.mark.parametrize("before", [0, 2])
def test_a_warm_up_that_is_put_back_leaves_no_trace_and_replaces_no_tensor(name, before, batches):
    plain, other = agent_of(name), agent_of(name)
    for agent in (plain, other):
        for batch in batches[:before]:
            agent.update(batch)
    snapshot = Snapshot(other)
    for batch in batches[2:5]:
        other.update(batch)
    places = [value.data_ptr() for value in other.state_dict().values()]
    snapshot.put_back(other)
    assert_same(plain, other)
    assert [value.data_ptr() for value in other.state_dict().values()] == places
    for batch in batches[2:]:
        plain.update(batch)
        other.update(batch)
    assert_same(plain, other)


class Operations(TorchDispatchMode):
    """The names of all that torch is asked to do."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", AGENTS)
def test_updates_of_one_branch_ask_for_the_same_operations(name, batches):
    agent = agent_of(name)
    seen: dict[object, list[str]] = {}
    agent.update(batches[0])  # Adam makes its tensors at the first one
    agent.update(batches[0])
    for batch in batches:
        branch = agent.branch()
        with Operations() as operations:
            agent.update(batch)
        assert seen.setdefault(branch, operations.names) == operations.names
    assert len(seen) == (2 if name in ("cal_ql", "sac", "td3_bc") else 1)


def test_a_recording_is_outdated_by_another_rate_and_by_moments_that_were_loaded(batches):
    agent = agent_of("cal_ql", annealed_actor=True)
    agent.update(batches[0])
    first = baked_in(agent)
    agent.update(batches[1])
    assert baked_in(agent) == first
    agent.anneal_actor(0.5)
    second = baked_in(agent)
    assert second != first
    agent.load_optimizer("critic", agent.optimizers["critic"].state_dict())
    agent.load_optimizer("critic", agent_with_moments(batches).optimizers["critic"].state_dict())
    assert baked_in(agent) != second


def test_a_rate_in_a_tensor_stays_where_it_is_and_moves_weights_as_a_number_does(batches):
    """As a GPU has it, so that a recording reads the new one."""
    agents = [agent_of("cal_ql", annealed_actor=True) for _ in range(2)]
    for group in (g for o in agents[1].optimizers.values() for g in o.param_groups):
        group["lr"] = torch.tensor(group["lr"])
    for agent in agents:
        agent.update(batches[0])
    baked = baked_in(agents[1])
    for agent in agents:
        agent.anneal_actor(0.7)
        agent.update(batches[1])
    assert baked_in(agents[1]) == baked
    for key, value in agents[0].state_dict().items():
        torch.testing.assert_close(agents[1].state_dict()[key], value)


def agent_with_moments(batches: list[PixelBatch]) -> Agent:
    agent = agent_of("cal_ql")
    agent.update(batches[2])
    return agent


def test_loaded_moments_leave_the_device_s_options_and_the_rate_alone(batches):
    agent = agent_of("cal_ql")
    state = agent_with_moments(batches).optimizers["critic"].state_dict()
    state["param_groups"][0] |= {"capturable": True, "fused": None, "lr": 1.0}
    own = {k: v for k, v in agent.optimizers["critic"].param_groups[0].items() if k != "params"}
    parameters = agent.optimizers["critic"].param_groups[0]["params"]
    agent.load_optimizer("critic", state)
    (group,) = agent.optimizers["critic"].param_groups
    assert {k: v for k, v in group.items() if k != "params"} == own
    assert all(a is b for a, b in zip(group["params"], parameters, strict=True))
    agent.update(batches[0])


def test_bfloat16_stays_in_the_encoders_and_the_losses_are_near(batches):
    whole, half = agent_of("cal_ql"), agent_of("cal_ql")
    accelerate(half, RunConfig(precision="bf16"))
    seen = half.encode(batches[0])
    assert all(value.dtype != torch.bfloat16 for value in vars(seen).values())
    half.generator.set_state(whole.generator.get_state())
    expected, found = whole.update(batches[0]), half.update(batches[0])
    assert any(not torch.equal(found[key], value) for key, value in expected.items())
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=0.05, atol=0.05)
    assert {value.dtype for value in half.parameters()} == {torch.float32}


def test_learning_takes_the_recorded_update_where_there_is_one(batches):
    agent = agent_of("bc")
    asked: list[PixelBatch] = []

    def recorded(batch: PixelBatch):
        asked.append(batch)
        return agent.update(batch)

    agent.fast_update = recorded
    buffer = EpisodeBuffer(0.9, RewardConfig())
    buffer.append(random_episode(SPEC, 6, np.random.default_rng(0)))
    learn(agent, buffer, 3, np.random.default_rng(0))
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"compile": "graph"}, "compile=graph needs a GPU, and this is cpu; set compile=none"),
        ({"compile": "jit"}, "compile=jit: choose auto, none, graph, inductor"),
        ({"precision": "half"}, "precision=half: choose fp32, tf32, bf16"),
    ],
)
def test_what_cannot_be_is_refused_at_the_door(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        check_acceleration(RunConfig(device="cpu", **options))


def test_unasked_a_graph_is_recorded_where_one_can_be():
    agent = agent_of("cal_ql")
    assert compilation(agent, RunConfig()) == "none"
    agent.device = torch.device("cuda")
    assert compilation(agent, RunConfig()) == "graph"
    assert compilation(agent, RunConfig(compile="none")) == "none"
    agent.encoder.backbones.append(FrozenFeatures(nn.Identity(), capacity=1))
    assert compilation(agent, RunConfig()) == "none", "features that are looked up"


def test_compiled_networks_learn_what_the_plain_ones_do(batches):
    """Traced and differentiated ahead of time; the C++ of inductor itself takes a minute."""
    plain, compiled = agent_of("cal_ql"), agent_of("cal_ql")
    compile_networks(compiled, backend="aot_eager")
    counters["stats"].clear()
    for batch in batches[:2]:
        expected, found = plain.update(batch), compiled.update(batch)
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value)
    assert counters["stats"]["unique_graphs"] >= 3, "two encoders and the critics"
    assert plain.state_dict().keys() == compiled.state_dict().keys()
