"""Rolling out checkpoints from fixed start states, and asking their critics what they expected."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from calql_vision.agents import Agent
from calql_vision.datasets.progress import progress
from calql_vision.datasets.returns import RewardConfig
from calql_vision.engine.policy import AgentPolicy
from calql_vision.engine.q_values import best_value, pairs, transitions
from calql_vision.engine.rollout import rollout
from calql_vision.engine.seeds import episode_seed
from calql_vision.envs import make_expert
from calql_vision.runs.diagnosis import CheckpointDiagnosis, Pairs, StartValues
from calql_vision.types import Episode, Observation, PixelEnv, Policy


@dataclass(frozen=True)
class CriticEvaluation:
    """What all checkpoints of a run are measured with."""

    env: PixelEnv
    discount: float
    reward: RewardConfig
    episodes: int  # start states: the first so many seeds of the purpose "validate"
    samples: int  # of the policy, and uniform ones, among which max_a Q is sought
    most_steps: int | None = None  # after which an episode is cut off

    def diagnose(self, agent: Agent, demonstrations: Iterable[Episode]) -> CheckpointDiagnosis:
        """One checkpoint. V* is not known here: V^pi stands in its place."""
        uniform = torch.Generator().manual_seed(0)  # the same actions for every checkpoint
        frames = agent.encoder_config.frame_stack
        best, found = [], []
        for episode in self._rollouts(AgentPolicy(agent, deterministic=True)):
            batch = transitions(episode, self.discount, self.reward, frames)
            start = Observation(batch.observation.images[:1], batch.observation.proprio[:1])
            best.append(best_value(agent, start, self.samples, uniform))
            found.append(pairs(agent, batch))
        reached = np.array([each.returns[0] for each in found], dtype=np.float64)
        q_policy = np.array([each.q_policy[0] for each in found], dtype=np.float64)
        shown = (transitions(e, self.discount, self.reward, frames) for e in demonstrations)
        return CheckpointDiagnosis(
            StartValues(reached, reached, np.array(best), q_policy),
            demonstrations=Pairs.joined([pairs(agent, batch) for batch in shown]),
            rollouts=Pairs.joined(found),
        )

    def policy_values(self, policy: Policy) -> np.ndarray:
        """Discounted return from every start state, float64 [N].

        As in training, rewards are scaled, success ends the sum, and an episode without success
        counts as failing for ever.
        """
        values = [
            transitions(episode, self.discount, self.reward).return_to_go[0]
            for episode in self._rollouts(policy)
        ]
        return np.array(values, dtype=np.float64)

    def optimum(self, reached: Sequence[np.ndarray]) -> tuple[np.ndarray, str]:
        """V* [N], and whose it is. `reached`: V^pi of the policies examined, [N] each."""
        try:
            expert = make_expert(self.env, noise=0.0)
        except ValueError:  # the family has none
            return np.max(reached, axis=0), "in each start state the best of the run's checkpoints"
        return self.policy_values(expert), "the scripted expert without noise"

    def _rollouts(self, policy: Policy) -> Iterable[Episode]:
        for number in progress(range(self.episodes), desc="diagnose", unit="episode"):
            seed = episode_seed("validate", 0, number)
            yield rollout(self.env, policy, seed, most_steps=self.most_steps)
