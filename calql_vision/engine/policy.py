"""Policies: one observation in, one action out."""

from collections import deque

import numpy as np
import torch

from calql_vision.agents import Agent
from calql_vision.types import EnvObservation, Observation


class AgentPolicy:
    """Acts in an environment; keeps the last observations where the agent stacks frames.

    Its noise comes from `generator`, which lives on the agent's device; None: the agent's own.
    """

    def __init__(self, agent: Agent, deterministic: bool, generator: torch.Generator | None = None):
        self.agent, self.deterministic, self.generator = agent, deterministic, generator
        self._frames: deque[EnvObservation] = deque(maxlen=agent.encoder_config.frame_stack)

    def reset(self) -> None:
        self._frames.clear()

    def act(self, observation: EnvObservation) -> np.ndarray:
        self._frames.append(observation)
        while len(self._frames) < self.agent.encoder_config.frame_stack:
            self._frames.append(observation)  # an episode's first frame is repeated
        images = np.concatenate([frame["images"] for frame in self._frames], axis=-1)
        proprio = np.concatenate([frame["proprio"] for frame in self._frames])
        batch = Observation(torch.from_numpy(images)[None], torch.from_numpy(proprio)[None])
        return self.agent.act(batch, self.deterministic, self.generator)[0].cpu().numpy()


class RandomPolicy:
    """Uniformly random actions: exploration before anything is learnt."""

    def __init__(self, action_dim: int, generator: np.random.Generator):
        self.action_dim, self.generator = action_dim, generator

    def reset(self) -> None:
        """Nothing to forget."""

    def act(self, observation: EnvObservation) -> np.ndarray:
        return self.generator.uniform(-1, 1, self.action_dim).astype(np.float32)
