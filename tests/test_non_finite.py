"""Laws of training that leaves the numbers: it stops, says where, and saves nothing of it."""

import math
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from calql_vision.agents import AGENTS, build_agent
from calql_vision.cli.configuration import composed, register
from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.datasets.returns import RewardConfig
from calql_vision.encoders.cnn import CNNConfig
from calql_vision.engine.learn import NonFiniteError, learn
from calql_vision.stages import pretrain

CPU = torch.device("cpu")
TINY = ("scale=smoke", "task.image_size=16", "task.horizon=25", "algo.hidden=[8]",
        "encoder.features=8", "algo.batch_size=8", "threads=1", "preflight=warn")  # fmt: skip


def agent_of(name, spec):
    options = AGENTS[name].options(hidden=[8], batch_size=4)
    encoder = CNNConfig(features=4, channels=[4], random_shift=0)
    return build_agent(spec, options, encoder, CPU, seed=0)


@pytest.fixture
def episodes(small_spec, random_episode):
    return [random_episode(small_spec, 6, success=True, seed=seed) for seed in range(5)]


def buffer_of(episodes):
    buffer = EpisodeBuffer(0.9, RewardConfig())
    for episode in episodes:
        buffer.append(episode)
    return buffer


@pytest.mark.parametrize("name", AGENTS)
def test_the_first_update_that_went_wrong_is_named_with_its_metrics(name, episodes, small_spec):
    episodes[-1].proprio[2] = math.inf
    buffer, twin = buffer_of(episodes), agent_of(name, small_spec)
    random = np.random.default_rng(0)
    wrong: list[str] = []
    while not wrong:
        metrics = twin.update(buffer.sample(4, random))
        wrong = [name for name, value in metrics.items() if not value.isfinite()]
    sentence = f"in update {twin.updates} {', '.join(wrong)} is not a finite number"
    with pytest.raises(NonFiniteError, match=sentence):
        learn(agent_of(name, small_spec), buffer, twin.updates + 3, np.random.default_rng(0))


@pytest.mark.parametrize("name", AGENTS)
def test_a_weight_that_the_last_update_spoilt_is_found(name, episodes, small_spec):
    agent = agent_of(name, small_spec)
    agent.optimizers["actor"].param_groups[0]["lr"] = math.inf
    with pytest.raises(NonFiniteError, match=r"in update 1 the weight .* is not a finite number"):
        learn(agent, buffer_of(episodes), 1, np.random.default_rng(0))


def test_a_run_that_left_the_numbers_saves_no_checkpoint(demonstrations, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(demonstrations, "extreme.hdf5")
    with h5py.File("extreme.hdf5", "a") as file:
        for demo in file["data"].values():
            demo["obs/robot0_eef_pos"][2] = 3e38  # finite, but its square is not
    register("pretrain", pretrain.PretrainConfig)
    words = [*TINY, "data.path=extreme.hdf5", "output=here"]
    config: Any = OmegaConf.to_object(composed("pretrain", words))
    with pytest.raises(NonFiniteError, match=r"in update \d+ .* training has stopped; lower algo"):
        pretrain.run(config)
    assert not Path("here/checkpoint.pt").exists()
