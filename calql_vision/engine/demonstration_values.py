"""What demonstrations are worth, step by step: by their returns, and by a critic."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from calql_vision.datasets.hdf5_read import read_named_episodes
from calql_vision.datasets.hdf5_select import Selection
from calql_vision.datasets.returns import RewardConfig
from calql_vision.engine.checkpoint import Checkpoint
from calql_vision.engine.demonstrations import as_shown
from calql_vision.engine.q_values import has_critic, pairs, transitions
from calql_vision.types import Episode

Valued = Iterator[tuple[str, Episode, dict[str, np.ndarray]]]


def returns(path: Path, selection: Selection, discount: float, reward: RewardConfig) -> Valued:
    """Name, episode and its returns-to-go [T]."""
    for name, episode in read_named_episodes(path, selection):
        to_go = transitions(episode, discount, reward).return_to_go.numpy()
        yield name, episode, {"return-to-go": to_go}


def critic_values(path: Path, filter_key: str | None, checkpoint: Checkpoint) -> Valued:
    """... and what the checkpoint's critic says of its actions and of the policy's [T].

    Cameras, rewards and discount are those of the training. Raises ValueError where the method
    has no critic.
    """
    agent = checkpoint.build(torch.device("cpu"))
    if not has_critic(agent):
        raise ValueError(f"{checkpoint.algo['label']} has no critic: no Q to show")
    selection = replace(as_shown(checkpoint.spec, checkpoint.config.data), filter_key=filter_key)
    stack = agent.encoder_config.frame_stack
    for name, episode in read_named_episodes(path, selection):
        batch = transitions(episode, checkpoint.discount, checkpoint.reward, stack)
        found = pairs(agent, batch)
        yield (
            name,
            episode,
            {
                "return-to-go": found.returns,
                "Q(data)": found.q,
                "Q(policy)": found.q_policy,
            },
        )
