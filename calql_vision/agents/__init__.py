"""The table of algorithms."""

from typing import NamedTuple

import torch

from calql_vision.agents.agent import Agent
from calql_vision.agents.awac import AWAC, AWACConfig
from calql_vision.agents.bc import BC, BCConfig
from calql_vision.agents.cal_ql import CalQL, CalQLConfig
from calql_vision.agents.config import AgentConfig
from calql_vision.agents.iql import IQL, IQLConfig
from calql_vision.agents.soft import SoftAgent, SoftConfig
from calql_vision.agents.td3_bc import TD3BC, TD3BCConfig
from calql_vision.configs.entry_points import Table
from calql_vision.encoders import EncoderConfig, check_encoder
from calql_vision.encoders.pixels import ObservationShape
from calql_vision.types import EnvSpec


class Algorithm(NamedTuple):
    """A row of the table."""

    agent: type[Agent]
    options: type[AgentConfig]  # what `agent` takes as its `config`


_OURS = {
    "cal_ql": Algorithm(CalQL, CalQLConfig),
    "sac": Algorithm(SoftAgent, SoftConfig),
    "iql": Algorithm(IQL, IQLConfig),
    "awac": Algorithm(AWAC, AWACConfig),
    "td3_bc": Algorithm(TD3BC, TD3BCConfig),
    "bc": Algorithm(BC, BCConfig),
}
#: name in the configuration -> class and options. A method that is only a choice of options is a
#: file of configs/algo alone: cql, rlpd, wsrl and others.
AGENTS = Table("calql_vision.algorithms", _OURS, Algorithm)


def build_agent(
    spec: EnvSpec, config: AgentConfig, encoder: EncoderConfig, device: torch.device, seed: int
) -> Agent:
    """A fresh agent for an environment. Raises ValueError for an unknown name.

    `spec` is the environment's `pixel_spec`; `seed` draws the initial weights and all that the
    agent draws later.
    """
    if config.name not in AGENTS:
        raise ValueError(f"algo.name={config.name}: choose one of {sorted(AGENTS)}")
    check_encoder(encoder)
    height, width = spec.image_size
    shape = ObservationShape(
        views=len(spec.cameras),
        height=height,
        width=width,
        channels=3 * encoder.frame_stack,
        proprio=spec.proprio_dim * encoder.frame_stack,
    )
    return AGENTS[config.name].agent(shape, spec.action_dim, encoder, config, device, seed)


__all__ = ["AGENTS", "Agent", "AgentConfig", "Algorithm", "CalQL", "CalQLConfig", "build_agent"]
