"""Agents into exported policies and back."""

import torch

from calql_vision.agents import AGENTS, Agent, build_agent
from calql_vision.agents.config import with_options
from calql_vision.configs.ranges import check_ranges
from calql_vision.encoders import ENCODERS
from calql_vision.engine.stored_tensors import check_weights
from calql_vision.runs.checkpoint import CheckpointFile
from calql_vision.runs.exported import ExportedPolicy


class ExportedAgent(ExportedPolicy):
    """An exported policy that is made of an agent, and becomes one again, which can only act."""

    @classmethod
    def of(cls, agent: Agent, trained: CheckpointFile) -> "ExportedAgent":
        """Of an agent and the checkpoint that it was built from."""
        return cls(
            stage=trained.stage,
            algo=trained.algo,
            encoder=trained.encoder,
            env=trained.env,
            config=trained.config,
            weights={
                f"{part}.{name}": value
                for part, network in zip(("encoder", "actor"), agent.acting, strict=True)
                for name, value in network.state_dict().items()
            },
            updates=trained.updates,
            env_steps=trained.env_steps,
            selected=trained.selected,
        )

    def build(self, device: torch.device, seed: int = 0) -> Agent:
        """An agent that acts as the exported one did; what does not act is as good as new."""
        agent = stored_agent(self, device, seed)
        for part, network in zip(("encoder", "actor"), agent.acting, strict=True):
            own = {k: v for k, v in self.weights.items() if k.startswith(f"{part}.")}
            own = {name.removeprefix(f"{part}."): value for name, value in own.items()}
            check_weights(network, own)
            network.load_state_dict(own)
        return agent


def stored_agent(stored: CheckpointFile | ExportedPolicy, device: torch.device, seed: int) -> Agent:
    """A fresh agent of the shape that was stored. Raises ValueError for options that no stage
    would have stored."""
    try:
        config = with_options(AGENTS[stored.algo["name"]].options(), stored.algo)
        encoder = ENCODERS[stored.encoder["name"]](**stored.encoder).without_files()
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(
            f"the stored options of algorithm or encoder are not ours ({error}); train again"
        ) from error
    check_ranges(encoder, "encoder.")
    return build_agent(stored.spec, config, encoder, device, seed)
