"""The methods of configs/algo at the smallest sizes, and batches for them."""

from dataclasses import replace
from functools import cache
from typing import Any

import torch
from omegaconf import OmegaConf

from calql_vision.agents import AgentConfig, build_agent
from calql_vision.cli.configuration import composed, register
from calql_vision.encoders.cnn import CNNConfig
from calql_vision.stages.pretrain import PretrainConfig
from calql_vision.types import EnvSpec, FeatureBatch, Observation, PixelBatch

CPU = torch.device("cpu")
ACTIONS, FEATURES, BATCH = 3, 8, 6
SPEC = EnvSpec("tabletop/lift", ("front",), (16, 16), {"hand": 2}, ACTIONS, 10, 10.0)


register("pretrain", PretrainConfig)


@cache
def configured(name: str) -> Any:
    """The method as configs/algo says it is."""
    config: Any = OmegaConf.to_object(composed("pretrain", [f"algo={name}"]))
    return config.algo


def small(name: str, **options) -> Any:
    return replace(configured(name), hidden=[16, 16], batch_size=BATCH, **options)


def built(config: AgentConfig, seed: int = 0) -> Any:
    return build_agent(SPEC, config, CNNConfig(features=FEATURES), CPU, seed)


def agent_of(name: str, seed: int = 0, **options) -> Any:
    return built(small(name, **options), seed)


def feature_batch(seed: int = 0) -> FeatureBatch:
    """Random features and actions; the last transition is terminal."""
    draws = torch.Generator().manual_seed(seed)
    here, following = torch.rand(2, BATCH, FEATURES, generator=draws)
    return FeatureBatch(
        features=here,
        actor_features=here,
        action=torch.rand(BATCH, ACTIONS, generator=draws) * 2 - 1,
        reward=torch.randn(BATCH, generator=draws),
        discount=torch.tensor([0.9] * (BATCH - 1) + [0.0]),
        next_features=following,
        next_actor_features=following,
        return_to_go=torch.randn(BATCH, generator=draws),
        success=torch.ones(BATCH, dtype=torch.bool),
    )


def pixel_batch(seed: int = 0) -> PixelBatch:
    draws = torch.Generator().manual_seed(seed)

    def observation() -> Observation:
        images = torch.randint(0, 256, (BATCH, 1, 16, 16, 3), dtype=torch.uint8, generator=draws)
        return Observation(images, torch.randn(BATCH, 2, generator=draws))

    features = vars(feature_batch(seed))
    shared = {name: features[name] for name in PixelBatch.__dataclass_fields__ if name in features}
    return PixelBatch(observation=observation(), next_observation=observation(), **shared)


def same_weights(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    theirs = other.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in one.state_dict().items())
