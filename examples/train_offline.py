"""Cal-QL on demonstrations in a loop of one's own, then a few episodes.

python examples/train_offline.py data/tabletop/lift.hdf5 1000
"""

import sys

import numpy as np
import torch

from calql_vision import AgentPolicy, EpisodeBuffer, build_agent, learn, read_episodes, rollout
from calql_vision.agents import CalQLConfig
from calql_vision.datasets.hdf5 import read_spec
from calql_vision.datasets.returns import RewardConfig
from calql_vision.encoders.cnn import CNNConfig
from calql_vision.engine.demonstrations import proprio_statistics
from calql_vision.engine.environments import spec_env


def main(path: str, updates: str = "20") -> None:
    buffer, spec = EpisodeBuffer(0.97, RewardConfig()), read_spec(path)
    for episode in read_episodes(path):
        buffer.append(episode)
    agent = build_agent(spec, CalQLConfig(), CNNConfig(), torch.device("cpu"), seed=0)
    agent.normalise_proprio(*proprio_statistics(buffer))
    print(learn(agent, buffer, int(updates), np.random.default_rng(0)))
    env, policy = spec_env(spec), AgentPolicy(agent, deterministic=True)
    print("success:", [rollout(env, policy, seed).success for seed in range(3)])
    env.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
