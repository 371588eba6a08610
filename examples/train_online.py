"""SAC from nothing in a loop of one's own: an episode, then as many updates as it had steps.

python examples/train_online.py tabletop/reach 100
"""

import sys

import numpy as np
import torch

from calql_vision import AgentPolicy, EpisodeBuffer, build_agent, learn, make_env, rollout
from calql_vision.agents.soft import SoftConfig
from calql_vision.datasets.returns import RewardConfig
from calql_vision.encoders.cnn import CNNConfig


def main(name: str = "tabletop/reach", episodes: str = "2") -> None:
    env, random = make_env(name, image_size=32), np.random.default_rng(0)
    buffer = EpisodeBuffer(discount=0.97, reward=RewardConfig())
    options = SoftConfig(batch_size=32)
    agent = build_agent(env.pixel_spec, options, CNNConfig(), torch.device("cpu"), seed=0)
    for seed in range(int(episodes)):
        episode = rollout(env, AgentPolicy(agent, deterministic=False), seed)
        buffer.append(episode)
        metrics = learn(agent, buffer, len(episode), random)
        print(f"episode {seed}: success {episode.success}, td loss {metrics['td_loss']:.3g}")
    env.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
