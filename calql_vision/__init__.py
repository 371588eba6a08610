"""Offline-to-online reinforcement learning from pixels for robot manipulation.

What a loop of one's own needs is imported from here; `examples/` shows each in use:

    make_env("family/task")            an environment of any family
    rollout(env, policy, seed)         one episode
    read_episodes(path)                demonstrations of a file in robomimic's layout
    EpisodeBuffer(discount, reward)    episodes in, random batches with returns-to-go out
    build_agent(spec, algo, encoder, device, seed)    a fresh agent
    learn(agent, buffer, updates, generator)          gradient steps
    AgentPolicy(agent, deterministic)  an agent that acts
    load_policy(path)                  a trained checkpoint, or an exported policy, that acts
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from calql_vision.agents import build_agent
    from calql_vision.datasets.buffer import EpisodeBuffer
    from calql_vision.datasets.hdf5 import read_episodes
    from calql_vision.engine.learn import learn
    from calql_vision.engine.policy import AgentPolicy
    from calql_vision.engine.rollout import rollout
    from calql_vision.engine.trained_policy import load_policy
    from calql_vision.envs import make_env

__version__ = "0.1.0"
__all__ = [
    "AgentPolicy",
    "EpisodeBuffer",
    "build_agent",
    "learn",
    "load_policy",
    "make_env",
    "read_episodes",
    "rollout",
]

# In a checkout `encoders/`, `datasets/` and `configs/` stand beside this package, in a wheel
# inside it. Appending the checkout's root lets `calql_vision.datasets` be found in both.
_root = Path(__file__).resolve().parent.parent
if not (Path(__file__).parent / "encoders").is_dir() and (_root / "encoders").is_dir():
    __path__.append(str(_root))

#: Where the names above live. They are imported when they are used, because torch takes seconds.
_PLACES = {
    "AgentPolicy": "engine.policy",
    "EpisodeBuffer": "datasets.buffer",
    "build_agent": "agents",
    "learn": "engine.learn",
    "load_policy": "engine.trained_policy",
    "make_env": "envs",
    "read_episodes": "datasets.hdf5",
    "rollout": "engine.rollout",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
