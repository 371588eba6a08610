"""What must hold on a GPU: `make test-gpu`. Collected only when asked for by name."""

import numpy as np
import pytest
import torch

from calql_vision.agents import AGENTS, Agent, build_agent
from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.datasets.returns import RewardConfig
from calql_vision.encoders.cnn import CNNConfig
from calql_vision.engine.acceleration import accelerate
from calql_vision.engine.learn import learn
from calql_vision.engine.random_episodes import random_episode
from calql_vision.runs.config import RunConfig
from calql_vision.types import EnvSpec

CPU, GPU = torch.device("cpu"), torch.device("cuda")
SPEC = EnvSpec("tabletop/lift", ("front", "wrist"), (48, 48), {"position": 3}, 4, 10, 10.0)


def agent_of(name: str, device: torch.device = GPU, **config) -> Agent:
    algo = AGENTS[name].options(own_actor_encoder=True, annealed_actor=True)
    agent = build_agent(SPEC, algo, CNNConfig(), device, seed=0)
    accelerate(agent, RunConfig(**{"compile": "none"} | config))
    return agent


@pytest.fixture(scope="module")
def buffer() -> EpisodeBuffer:
    found = EpisodeBuffer(0.97, RewardConfig())
    for number in range(20):
        found.append(random_episode(SPEC, 40, np.random.default_rng(number)))
    return found


def train(agent: Agent, buffer: EpisodeBuffer, updates: int = 10) -> list[dict[str, float]]:
    """Two rows of metrics, the learning rate another one in between."""
    draws, rows = np.random.default_rng(0), []
    for progress in (0.0, 0.5):
        agent.anneal_actor(progress)
        rows.append(learn(agent, buffer, updates, draws))
    return rows


def assert_same(one: Agent, other: Agent) -> None:
    for key, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[key]), key


@pytest.fixture(autouse=True)
def deterministic(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("name", AGENTS)
def test_a_graph_learns_what_the_plain_update_learns_bit_for_bit(name, buffer):
    plain, graph = agent_of(name), agent_of(name, compile="graph")
    assert train(plain, buffer) == train(graph, buffer)
    assert_same(plain, graph)
    assert plain.updates == graph.updates


def test_another_learning_rate_needs_no_other_recording(buffer):
    agent = agent_of("cal_ql", compile="graph")
    train(agent, buffer)
    recorded = dict(agent.fast_update._recorded)
    agent.anneal_actor(0.9)
    learn(agent, buffer, 2, np.random.default_rng(0))
    assert recorded == agent.fast_update._recorded


def test_a_graph_is_what_a_gpu_gets_unasked():
    assert agent_of("cal_ql", compile="auto").fast_update is not None


def test_a_graph_goes_on_from_moments_of_a_cpu(buffer):
    source, agents = agent_of("cal_ql", CPU), []
    train(source, buffer, updates=2)
    for compile_ in ("none", "graph"):
        agent = agent_of("cal_ql", compile=compile_)
        agent.load_state_dict(source.state_dict())
        for name, optimizer in source.optimizers.items():
            agent.load_optimizer(name, optimizer.state_dict())
        train(agent, buffer)
        agents.append(agent)
    assert_same(*agents)


def test_bfloat16_loses_little_over_a_thousand_updates(buffer):
    whole, half = agent_of("cal_ql"), agent_of("cal_ql", precision="bf16")
    expected, found = train(whole, buffer, 500)[-1], train(half, buffer, 500)[-1]
    for key in ("td_loss", "q_data", "penalty"):
        assert found[key] == pytest.approx(expected[key], rel=0.1, abs=0.1), key


def test_pixels_kept_on_the_gpu_make_the_same_updates(buffer):
    kept = EpisodeBuffer(0.97, RewardConfig())
    for number in range(20):
        kept.append(random_episode(SPEC, 40, np.random.default_rng(number)))
    kept.keep_frames_on(GPU, 10**9)
    first, second = agent_of("cal_ql"), agent_of("cal_ql")
    assert train(first, buffer) == train(second, kept)
    assert_same(first, second)
