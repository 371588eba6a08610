"""Evaluation in several processes is evaluation in one."""

from pathlib import Path

import numpy as np
import pytest
import torch

from calql_vision.agents import AGENTS, build_agent
from calql_vision.encoders.cnn import CNNConfig
from calql_vision.engine.checkpoint import Checkpoint
from calql_vision.engine.environments import task_env
from calql_vision.runs.config import RolloutsConfig, RunConfig, ScaleConfig, TaskConfig
from calql_vision.stages.evaluate import EvaluateConfig, run

TASK = TaskConfig(image_size=16, horizon=8)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("run") / "checkpoint.pt"
    env, algo = task_env(TASK), AGENTS["cal_ql"].options(hidden=[16, 16])
    agent = build_agent(env.pixel_spec, algo, CNNConfig(features=8), torch.device("cpu"), seed=0)
    config = RunConfig(task=TASK, algo=algo, encoder=CNNConfig(features=8))
    Checkpoint.of(agent, env.pixel_spec, config, "pretrain", env_steps=0).save(path)
    env.close()
    return path


def test_more_processes_change_neither_the_numbers_nor_the_film(checkpoint, tmp_path):
    found = {}
    for processes in (1, 2):
        output = tmp_path / str(processes)
        config = EvaluateConfig(
            task=TASK, algo=AGENTS["cal_ql"].options(), scale=ScaleConfig(),
            checkpoint=str(checkpoint), episodes=5, videos=2,
            rollouts=RolloutsConfig(workers=processes),
            output=str(output), device="cpu",
        )  # fmt: skip
        found[processes] = run(config), (output / "episodes.mp4").read_bytes()
    (one, film), (two, other_film) = found.values()
    for name in ("successes", "returns", "lengths"):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name
    assert film == other_film
