"""The table of algorithms."""

from calql_vision.agents.agent import Agent, AgentConfig
from calql_vision.agents.cal_ql import CalQL, CalQLConfig

AGENTS: dict[str, tuple[type[Agent], type[AgentConfig]]] = {
    "cal_ql": (CalQL, CalQLConfig),
}

__all__ = ["AGENTS", "Agent", "AgentConfig", "CalQL", "CalQLConfig"]
