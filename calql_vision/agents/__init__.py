"""The table of algorithms."""

import torch

from calql_vision.agents.agent import Agent
from calql_vision.agents.awac import AWAC, AWACConfig
from calql_vision.agents.bc import BC, BCConfig
from calql_vision.agents.cal_ql import CalQL, CalQLConfig
from calql_vision.agents.config import AgentConfig
from calql_vision.agents.iql import IQL, IQLConfig
from calql_vision.agents.soft import SoftAgent, SoftConfig
from calql_vision.agents.td3_bc import TD3BC, TD3BCConfig
from calql_vision.encoders.pixels import EncoderConfig, ObservationShape
from calql_vision.types import EnvSpec

#: name in the configuration -> (class, its options). A method that is only a choice of options is a
#: file of configs/algo alone: cql, rlpd, wsrl and others.
AGENTS: dict[str, tuple[type[Agent], type[AgentConfig]]] = {
    "cal_ql": (CalQL, CalQLConfig),
    "sac": (SoftAgent, SoftConfig),
    "iql": (IQL, IQLConfig),
    "awac": (AWAC, AWACConfig),
    "td3_bc": (TD3BC, TD3BCConfig),
    "bc": (BC, BCConfig),
}


def build_agent(
    spec: EnvSpec, config: AgentConfig, encoder: EncoderConfig, device: torch.device, seed: int
) -> Agent:
    """A fresh agent for an environment. Raises ValueError for an unknown name."""
    if config.name not in AGENTS:
        raise ValueError(f"algo.name={config.name}: choose one of {sorted(AGENTS)}")
    height, width = spec.image_size
    shape = ObservationShape(
        views=len(spec.cameras),
        height=height,
        width=width,
        channels=3 * encoder.frame_stack,
        proprio=spec.proprio_dim * encoder.frame_stack,
    )
    return AGENTS[config.name][0](shape, spec.action_dim, encoder, config, device, seed)


__all__ = ["AGENTS", "Agent", "AgentConfig", "CalQL", "CalQLConfig", "build_agent"]
