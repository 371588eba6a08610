"""Gradient updates per second, sampling included, beside a plain re-statement and other code."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from calql_vision.agents import Agent, CalQLConfig, build_agent
from calql_vision.cli.configuration import composed, register
from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.datasets.returns import RewardConfig
from calql_vision.encoders import EncoderConfig
from calql_vision.encoders.pixels import ObservationShape, PixelEncoder
from calql_vision.engine.bare_calls import BareCalls
from calql_vision.engine.breakdown import time_sections
from calql_vision.engine.learn import learn
from calql_vision.engine.loader import Loader
from calql_vision.engine.random_episodes import random_episode
from calql_vision.stages.pretrain import PretrainConfig
from calql_vision.types import EnvSpec, FeatureBatch, Observation, PixelBatch
from speed.measurement import Measurement, rates
from speed.peers import peers
from speed.plain_cal_ql import PlainCalQL

CPU = torch.device("cpu")
#: What is not alike, for the page.
PEER_NOTES = {
    "d3rlpy": "d3rlpy's Cal-QL: the cameras as one image of more channels through the same "
    "convolutions, no augmentation, no hidden layers behind the encoder; from its own buffer.",
    "robomimic": "robomimic's CQL: the same convolutions per camera, registered with it because "
    "its own are far larger, no augmentation; batches from memory, without its loader.",
}
OURS, BARE, PLAIN = "ours", "its convolutions and products alone", "plain re-statement"


@dataclass(frozen=True)
class Setting:
    """What is updated, and how often in each turn."""

    name: str
    words: tuple[str, ...]  # for the stage pretrain
    image_size: int = 48
    updates: int = 20
    repeats: int = 5
    plain_updates: int = 1  # 0: would take minutes
    peers: tuple[str, ...] = ("d3rlpy", "robomimic")
    state: int = 0  # numbers in the place of pixels; 0: pixels

    def config(self) -> PretrainConfig:
        register("pretrain", PretrainConfig)
        found = OmegaConf.to_object(composed("pretrain", list(self.words)))
        assert isinstance(found, PretrainConfig)
        return found

    @property
    def spec(self) -> EnvSpec:
        side = 4 if self.state else self.image_size
        numbers = {"numbers": self.state or 4}
        return EnvSpec("benchmark", ("front", "wrist"), (side, side), numbers, 4, 40, 10.0)


OFFICIAL = ("algo.batch_size=256", "algo.n_actions=10", "algo.hidden=[256,256]")
SETTINGS = {
    "updates_default": Setting("two 48x48 cameras, cnn, batch 64, N=4 (the default)", ()),
    "updates_official": Setting(
        "two 48x48 cameras, cnn, batch 256, N=10, heads 256x256", OFFICIAL, updates=5, repeats=3
    ),
    "updates_resnet": Setting(
        "two 84x84 cameras, resnet18, batch 256, N=4", ("encoder=resnet18", "algo.batch_size=256"),
        image_size=84, updates=1, repeats=3, plain_updates=0, peers=(),
    ),
    "updates_state": Setting(
        "39 numbers of state, no pixels, batch 256, N=10, heads 256x256",
        (*OFFICIAL, "algo=cal_ql_official", "encoder.features=39"),
        updates=100, plain_updates=50, peers=("d3rlpy",), state=39,
    ),
}  # fmt: skip


def measure(name: str, brief: bool) -> list[Measurement]:
    """The contenders in one setting; and where the time of ours goes."""
    setting = SETTINGS[name]
    config, buffer = setting.config(), buffer_of(setting.spec)
    ours, generator = agent_of(setting), np.random.default_rng(0)
    loader = Loader(buffer, ours.config.batch_size, generator, CPU)
    bare = BareCalls(lambda: ours.update(loader.next()))
    count = 1 if brief else setting.updates
    works: dict[str, tuple[Callable[[], object], int]] = {
        OURS: (partial(learn, ours, buffer, count, generator), count),
        BARE: (lambda: [bare() for _ in range(count)], count),
    }
    if setting.plain_updates:
        plain, times = plain_of(setting, config), 1 if brief else setting.plain_updates
        works[PLAIN] = (partial(plain.learn, buffer, times, generator), times)
    with peers(list(setting.peers), sizes(setting, config)) as (found, missing):
        alike = "d3rlpy's Cal-QL, from its own buffer."
        notes = [alike] if setting.state else [PEER_NOTES[name] for name in setting.peers]
        notes += missing
        for peer_name, peer in found.items():
            times = 1 if brief else max(setting.plain_updates, 1)
            works[peer_name] = (partial(peer.update, times), times)
        values = rates(works, 1 if brief else setting.repeats)
    baseline = PLAIN if setting.plain_updates else BARE
    sections = time_sections(ours, loader, count)
    parts = {section: [1e3 * seconds] for section, seconds in sections.items()}
    parts["together"] = [sum(value for (value,) in parts.values())]
    return [
        Measurement(f"Updates: {setting.name}", "updates/s", baseline, values, notes),
        Measurement(f"Parts of an update: {setting.name}", "ms", "together", parts),
    ]


def buffer_of(spec: EnvSpec, episodes: int = 50) -> EpisodeBuffer:
    buffer = EpisodeBuffer(0.97, RewardConfig())
    for number in range(episodes):
        buffer.append(random_episode(spec, 40, np.random.default_rng(number)))
    return buffer


def agent_of(setting: Setting, device: torch.device = CPU) -> Agent:
    config = setting.config()
    agent = build_agent(setting.spec, config.algo, config.encoder, device, seed=0)
    if setting.state:
        agent.encode = state_features  # type: ignore[method-assign]
    return agent


def state_features(batch: PixelBatch) -> FeatureBatch:
    """What the losses see where nothing is encoded."""
    here, following = batch.observation.proprio, batch.next_observation.proprio
    return FeatureBatch(
        features=here,
        actor_features=here,
        action=batch.action,
        reward=batch.reward,
        discount=batch.discount,
        next_features=following,
        next_actor_features=following,
        return_to_go=batch.return_to_go,
        success=batch.success,
    )


class Numbers(nn.Module):
    """No encoder: the state as it is."""

    def forward(self, observation: Observation) -> Tensor:
        return observation.proprio


def plain_of(setting: Setting, config: PretrainConfig, device: torch.device = CPU) -> PlainCalQL:
    algo, encoder, spec = config.algo, config.encoder, setting.spec
    assert isinstance(algo, CalQLConfig)
    if setting.state:
        return PlainCalQL(Numbers, setting.state, spec.action_dim, algo, shift=0)
    make = partial(pixel_encoder, spec, encoder)
    return PlainCalQL(make, encoder.features, spec.action_dim, algo, encoder.random_shift, device)


def pixel_encoder(spec: EnvSpec, encoder: EncoderConfig) -> PixelEncoder:
    shape = ObservationShape(len(spec.cameras), *spec.image_size, 3, spec.proprio_dim)
    return PixelEncoder(shape, encoder)


def sizes(setting: Setting, config: PretrainConfig) -> dict:
    """What a peer is told."""
    algo = config.algo
    assert isinstance(algo, CalQLConfig)
    return {
        "image_size": 0 if setting.state else setting.image_size,
        "views": 2,
        "channels": list(getattr(config.encoder, "channels", ())),
        "features": config.encoder.features,
        "hidden": list(algo.hidden),
        "batch_size": algo.batch_size,
        "n_actions": algo.n_actions,
        "action_dim": setting.spec.action_dim,
        "proprio": setting.spec.proprio_dim,
        "threads": torch.get_num_threads(),
    }
