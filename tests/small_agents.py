"""Agents at the smallest sizes, and batches for them."""

from dataclasses import replace

import torch

from calql_vision.agents import AGENTS, build_agent
from calql_vision.agents.soft import SoftConfig
from calql_vision.encoders.cnn import CNNConfig
from calql_vision.types import EnvSpec, Observation, PixelBatch

CPU = torch.device("cpu")
SPEC = EnvSpec(
    name="tabletop/lift",
    cameras=("front", "wrist"),
    image_size=(16, 16),
    proprio={"position": 3, "opening": 1},
    action_dim=4,
    horizon=10,
    control_hz=10.0,
)
BATCH = 8


def small(name: str = "cal_ql", **options):
    config = AGENTS[name][1](hidden=[16, 16], batch_size=BATCH, **options)
    return replace(config, n_actions=3) if isinstance(config, SoftConfig) else config


def agent_of(config, seed: int = 0, **encoder):
    return build_agent(SPEC, config, CNNConfig(features=8, **encoder), CPU, seed)


def observation(draws: torch.Generator, frames: int = 1, batch: int = BATCH) -> Observation:
    images = torch.randint(
        0, 256, (batch, 2, 16, 16, 3 * frames), dtype=torch.uint8, generator=draws
    )
    return Observation(images, torch.randn(batch, 4 * frames, generator=draws))


def pixel_batch(seed: int = 0, frames: int = 1) -> PixelBatch:
    draws = torch.Generator().manual_seed(seed)
    return PixelBatch(
        observation=observation(draws, frames),
        action=torch.rand(BATCH, 4, generator=draws) * 2 - 1,
        reward=-torch.ones(BATCH),
        discount=torch.full((BATCH,), 0.97),
        next_observation=observation(draws, frames),
        return_to_go=-10 * torch.rand(BATCH, generator=draws),
        success=torch.arange(BATCH) % 2 == 0,
    )


class OneBatch:
    """A sampler that always gives the same transitions."""

    def sample(self, batch_size, generator, into=None) -> PixelBatch:
        assert batch_size == BATCH
        return pixel_batch()


def weights(module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def changed(module, before: dict[str, torch.Tensor]) -> set[str]:
    return {n for n, value in module.state_dict().items() if not torch.equal(value, before[n])}
