"""Agreement of IQL, AWAC and TD3+BC with public implementations, number by number."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from calql_vision.agents import AGENTS
from calql_vision.agents.networks import EnsembleCritic
from calql_vision.encoders.cnn import CNNConfig
from calql_vision.encoders.pixels import ObservationShape
from calql_vision.types import FeatureBatch

CASES = sorted((Path(__file__).parent / "golden_methods").glob("*.npz"))
CLOSE: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-5}
OBSERVATION, ACTION = 6, 3


class Case:
    """One golden file: its arrays as tensors, and our agent with its weights."""

    def __init__(self, path: Path):
        arrays = dict(np.load(path))
        self.options = json.loads(str(arrays.pop("options")))
        self.arrays = {name: torch.from_numpy(array) for name, array in arrays.items()}
        self.agent = self.build(next(name for name in AGENTS if path.stem.startswith(name)))
        self.networks = {
            name: network
            for name, network in self.agent.named_children()
            if f"before/{name}/0/kernel" in self.arrays
        }
        with torch.no_grad():
            for name in self.networks:
                for ours, golden in self.pairs("before", name):
                    ours.copy_(golden)

    def build(self, name: str) -> Any:
        kind, config_type = AGENTS[name]
        fields = config_type.__dataclass_fields__
        options = {key: value for key, value in self.options.items() if key in fields}
        lr = self.options["lr"]
        options |= {"hidden": [16, 16], "layer_norm": False, "actor_lr": lr, "critic_lr": lr}
        config = config_type(**options)
        shape = ObservationShape(views=1, height=8, width=8, channels=3, proprio=1)
        encoder = CNNConfig(features=OBSERVATION)
        agent: Any = kind(shape, ACTION, encoder, config, torch.device("cpu"), seed=0)
        draws = [self.arrays[key] for key in ("noise/policy", "noise/next") if key in self.arrays]
        agent.randn = lambda *size: draws.pop(0)
        return agent

    def pairs(self, when: str, name: str) -> Iterator[tuple[Tensor, Tensor]]:
        """Our parameters of a network beside the golden arrays of the group `when`."""

        def golden(layer: int, part: str) -> Tensor:
            return self.arrays[f"{when}/{name}/{layer}/{part}"]

        network = self.networks[name]
        if isinstance(network, EnsembleCritic):
            yield from critic_pairs(network, golden)
            return
        for number, layer in enumerate(linear_layers(network)):
            assert layer.bias is not None
            yield layer.weight, golden(number, "kernel").T
            yield layer.bias, golden(number, "bias")
        if f"{when}/{name}/log_std" in self.arrays:
            yield network.log_std, self.arrays[f"{when}/{name}/log_std"]

    def batch(self) -> FeatureBatch:
        here, following = self.arrays["batch/observations"], self.arrays["batch/next_observations"]
        return FeatureBatch(
            features=here,
            actor_features=here,
            action=self.arrays["batch/actions"],
            reward=self.arrays["batch/rewards"],
            discount=self.options["discount"] * self.arrays["batch/masks"],
            next_features=following,
            next_actor_features=following,
            return_to_go=torch.zeros(len(here)),
            success=torch.ones(len(here), dtype=torch.bool),
        )


def linear_layers(network: nn.Module) -> list[nn.Linear]:
    return [layer for layer in network.modules() if isinstance(layer, nn.Linear)]


def critic_pairs(critic: EnsembleCritic, golden) -> Iterator[tuple[Tensor, Tensor]]:
    """The first kernel is split into features and actions."""
    first = golden(0, "kernel")
    yield critic.from_features.weight, first[:, :OBSERVATION]
    yield critic.from_actions.weight, first[:, OBSERVATION:]
    assert critic.from_features.bias is not None
    yield critic.from_features.bias, golden(0, "bias")[:, None]
    for number, layer in enumerate([*critic.layers, critic.head], start=1):
        yield layer.weight, golden(number, "kernel")
        yield layer.bias, golden(number, "bias")[:, None]


@pytest.fixture(params=CASES, ids=lambda path: path.stem)
def case(request) -> Case:
    return Case(request.param)


def test_two_cases_of_each_method_are_here():
    assert [path.stem for path in CASES] == [
        "awac",
        "awac_greedy",
        "iql",
        "iql_capped",
        "td3_bc",
        "td3_bc_clipped",
    ]


def test_losses_equal_the_published_ones(case):
    losses, _ = case.agent.losses(case.batch())
    assert {f"loss/{name}" for name in losses} == {k for k in case.arrays if k.startswith("loss/")}
    for name, loss in losses.items():
        torch.testing.assert_close(loss.detach(), case.arrays[f"loss/{name}"], **CLOSE)


def test_gradients_and_the_step_equal_the_published_ones(case):
    losses, _ = case.agent.losses(case.batch())
    case.agent.step(losses)
    for name in losses:
        for ours, golden in case.pairs("gradient", name):
            torch.testing.assert_close(ours.grad, golden, **CLOSE)
    for name in case.networks:
        for ours, golden in case.pairs("after", name):
            torch.testing.assert_close(ours.detach(), golden, **CLOSE)
