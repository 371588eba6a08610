"""Seconds that 100 evaluation episodes take, beside the simulator and its pictures alone."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from calql_vision.agents import build_agent
from calql_vision.engine.evaluation import evaluate, summarise
from calql_vision.engine.policy import AgentPolicy, RandomPolicy
from calql_vision.engine.rollouts import open_rollouts
from calql_vision.engine.timing import alternate
from calql_vision.envs import make_env
from calql_vision.runs.config import RolloutsConfig
from calql_vision.types import Policy
from speed.measurement import Measurement
from speed.updates import CPU, SETTINGS

ALONE, OURS = "the environment alone, random actions", "evaluation of the default agent"
WORKERS = "the same by two workers, started before"


def measure(brief: bool) -> list[Measurement]:
    """An agent that has learnt nothing: every episode lasts to the time limit."""
    episodes, config = 1 if brief else 100, SETTINGS["updates_default"].config()
    env = make_env("tabletop/lift")
    agent = build_agent(env.pixel_spec, config.algo, config.encoder, CPU, seed=0)
    policies: dict[str, Policy] = {
        ALONE: RandomPolicy(agent.action_dim, np.random.default_rng(0)),
        OURS: AgentPolicy(agent, deterministic=True),
    }
    works: dict[str, Callable[[], object]] = {
        name: partial(evaluate, env, policy, episodes, "evaluate")
        for name, policy in policies.items()
    }
    shared = replace(config, rollouts=RolloutsConfig(workers=2), threads=1)
    with open_rollouts(shared, env, agent) as rollouts:
        works[WORKERS] = lambda: summarise(rollouts.deterministic("evaluate", episodes))
        seconds = alternate(works, 1 if brief else 3)
    env.close()
    name = f"{episodes} evaluation episodes of tabletop/lift, 40 steps each"
    return [Measurement(name, "s", ALONE, seconds)]
