"""What makes an update faster, as the configuration asks for it."""

import torch

from calql_vision.agents import Agent
from calql_vision.agents.networks import EnsembleCritic
from calql_vision.agents.ranks import ranks
from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.datasets.frame_store import parse_bytes
from calql_vision.encoders.frozen import FrozenFeatures
from calql_vision.encoders.pixels import PixelEncoder
from calql_vision.engine.device import choose_device
from calql_vision.engine.graph import GraphUpdate
from calql_vision.runs.config import RunConfig

COMPILE, PRECISION = ("auto", "none", "graph", "inductor"), ("fp32", "tf32", "bf16")


def check_acceleration(config: RunConfig) -> None:
    """ValueError for what there is not, and for a graph without a GPU."""
    for name, choices in (("compile", COMPILE), ("precision", PRECISION)):
        if getattr(config, name) not in choices:
            raise ValueError(f"{name}={getattr(config, name)}: choose {', '.join(choices)}")
    gpu_budget(config)
    if config.compile == "graph" and ranks() > 1:
        raise ValueError(
            f"compile=graph is for one rank, and there are {ranks()}; set compile=none"
        )
    device = choose_device(config.device)
    if config.compile == "graph" and device.type != "cuda":
        raise ValueError(f"compile=graph needs a GPU, and this is {device}; set compile=none")


def place_frames(config: RunConfig, device: torch.device, *buffers: EpisodeBuffer) -> None:
    """Pixels on a GPU, as far as `data.gpu_budget` reaches; each buffer may take all of it."""
    if device.type != "cuda" or config.data.gpu_budget is None:
        return
    for buffer in buffers:
        buffer.keep_frames_on(device, gpu_budget(config))


def gpu_budget(config: RunConfig) -> int:
    """In bytes. Raises ValueError."""
    try:
        return parse_bytes(config.data.gpu_budget or "0B")
    except ValueError as error:
        raise ValueError(f"data.gpu_budget: {error}") from error


def accelerate(agent: Agent, config: RunConfig) -> None:
    """Before the agent's first update, or the first after it has been restored."""
    agent.half_encoders = config.precision == "bf16"
    allow_tf32(config.precision != "fp32")
    compiled = compilation(agent, config)
    if compiled == "graph":
        if looks_up_features(agent):
            raise ValueError("compile=graph records no look-up of features; encoder.frozen=false")
        agent.fast_update = GraphUpdate(agent)
    if compiled == "inductor":
        compile_networks(agent)


def allow_tf32(allowed: bool) -> None:
    """For all that this process multiplies on a GPU."""
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed


def compilation(agent: Agent, config: RunConfig) -> str:
    """What `compile` comes to: for auto graph or none."""
    if config.compile != "auto":
        return config.compile
    recorded = agent.device.type == "cuda" and ranks() == 1 and not looks_up_features(agent)
    return "graph" if recorded else "none"


def looks_up_features(agent: Agent) -> bool:
    """Whether an encoder is frozen, so that its features are found by the pixels."""
    return any(isinstance(module, FrozenFeatures) for module in agent.modules())


def compile_networks(agent: Agent, backend: str = "inductor") -> None:
    """torch.compile for what computes most; weights and files stay as they are.

    It fuses what the plain networks do one after another, and rounds otherwise.
    """
    for module in agent.modules():
        if isinstance(module, PixelEncoder | EnsembleCritic):
            module.compile(backend=backend)
