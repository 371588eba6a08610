"""Laws of encoders that begin with somebody's weights; the files are made here."""

from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn

from calql_vision.agents.bc import BC, BCConfig
from calql_vision.encoders.frozen import FrozenFeatures, fingerprints
from calql_vision.encoders.imagenet_resnet import ImageNetResNetConfig
from calql_vision.encoders.pixels import ObservationShape, PixelEncoder
from calql_vision.encoders.pretrained import PretrainedConfig
from calql_vision.encoders.timm import TimmConfig
from calql_vision.types import FeatureBatch, Observation

SHAPE = ObservationShape(views=2, height=32, width=32, channels=3, proprio=1)
MEAN, DEVIATION = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


def statistics_of_its_own(network: nn.Module) -> nn.Module:
    """As after training: batch norms are not 0 and 1."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    return network.eval()


def resnet(depth: int) -> nn.Module:
    return statistics_of_its_own(getattr(torchvision.models, f"resnet{depth}")())


def torchvisions(path: Path) -> tuple[PretrainedConfig, nn.Module]:
    network = resnet(18)
    torch.save(network.state_dict(), path)
    network.fc = nn.Identity()
    return ImageNetResNetConfig(weights=str(path)), network


def deeper(path: Path) -> tuple[PretrainedConfig, nn.Module]:
    network = resnet(34)
    torch.save(network.state_dict(), path)
    network.fc = nn.Identity()
    return ImageNetResNetConfig(weights=str(path), depth=34), network


def r3ms(path: Path) -> tuple[PretrainedConfig, nn.Module]:
    """Its ResNet stands beside a language model, all of it wrapped once more."""
    network = resnet(18)
    network.fc = nn.Identity()
    weights = {f"module.convnet.{name}": value for name, value in network.state_dict().items()}
    torch.save({"r3m": weights | {"module.lang_enc.weight": torch.zeros(2)}}, path)
    return TimmConfig(weights=str(path), model="resnet18"), network


def a_vit(path: Path) -> tuple[PretrainedConfig, nn.Module]:
    network = timm.create_model("test_vit", num_classes=0, dynamic_img_size=True).eval()
    file = path.with_suffix(".safetensors")
    save_file(network.state_dict(), file)
    return TimmConfig(weights=str(file), model="test_vit"), network


def dinov3s(path: Path) -> tuple[PretrainedConfig, nn.Module]:
    network = timm.create_model("vit_tiny_patch16_dinov3_qkvb", num_classes=0).eval()
    torch.save({"model": network.state_dict()}, path)
    return TimmConfig(weights=str(path), model="vit_tiny_patch16_dinov3_qkvb"), network


KINDS = [torchvisions, deeper, r3ms, a_vit, dinov3s]


def seen(batch: int = 3) -> Observation:
    generator = torch.Generator().manual_seed(0)
    size = (batch, SHAPE.views, SHAPE.height, SHAPE.width, 3)
    images = torch.randint(0, 256, size, dtype=torch.uint8, generator=generator)
    return Observation(images, torch.zeros(batch, 1))


@pytest.mark.parametrize("kind", KINDS)
def test_features_are_those_of_the_network_whose_weights_they_are(kind, tmp_path):
    config, network = kind(tmp_path / "weights.pt")
    backbone = PixelEncoder(SHAPE, replace(config, separate_views=True)).backbones[1]
    images = seen().images[:, 1].float() / 255
    normalised = ((images - MEAN) / DEVIATION).permute(0, 3, 1, 2)
    with torch.no_grad():
        found = backbone(images.permute(0, 3, 1, 2) - 0.5)
        torch.testing.assert_close(found, network(normalised), rtol=1e-3, atol=1e-4)


def agent(config: PretrainedConfig):
    encoder = replace(config, features=8)
    return BC(SHAPE, 2, encoder, BCConfig(hidden=[8]), torch.device("cpu"), seed=0)


class Counted(nn.Module):
    """How many frames it has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.frames = 0

    def forward(self, frames: Tensor) -> Tensor:
        self.frames += len(frames)
        return frames.flatten(1)[:, :5]


def test_a_frozen_network_sees_every_frame_once():
    network = Counted()
    frozen, frames = FrozenFeatures(network, capacity=6), torch.rand(6, 3, 4, 4)
    for chosen in ([0, 1, 1, 0], [1, 2, 3], [5, 4, 3, 2, 1, 0]):
        torch.testing.assert_close(frozen(frames[chosen]), frames[chosen].flatten(1)[:, :5])
    assert network.frames == 6
    more = torch.rand(2, 3, 4, 4)  # beyond what is remembered
    for _ in range(2):
        torch.testing.assert_close(frozen(more), more.flatten(1)[:, :5])
    assert network.frames == 10
    assert len(set(fingerprints(torch.cat([frames, more])).tolist())) == 8


@pytest.mark.parametrize("kind", [torchvisions, a_vit])
@pytest.mark.parametrize("frozen", [True, False])
def test_it_learns_or_stays_as_it_was(kind, frozen, tmp_path):
    config, _ = kind(tmp_path / "weights.pt")
    learner = agent(replace(config, frozen=frozen))
    before = [each.clone() for each in learner.encoder.backbones.parameters()]
    observed = seen()
    for _ in range(2):
        features = learner.encoder(observed)
        batch = feature_batch(features)
        learner.step(learner.losses(batch)[0])
    after = list(learner.encoder.backbones.parameters())
    same = [torch.equal(one, other) for one, other in zip(before, after, strict=True)]
    assert all(same) if frozen else not any(same)


def feature_batch(features: Tensor) -> FeatureBatch:
    rows = torch.zeros(len(features))
    return FeatureBatch(
        features=features,
        actor_features=features.detach(),
        action=torch.zeros(len(features), 2),
        reward=rows,
        discount=rows,
        next_features=features.detach(),
        next_actor_features=features.detach(),
        return_to_go=rows,
        success=rows.bool(),
    )


def test_a_stored_agent_needs_no_file(tmp_path):
    config, _ = torchvisions(tmp_path / "weights.pt")
    learner = agent(replace(config, frozen=True))
    expected = learner.encoder(seen())
    (tmp_path / "weights.pt").unlink()
    again = agent(replace(config, frozen=True).without_files())
    again.load_state_dict(learner.state_dict())
    torch.testing.assert_close(again.encoder(seen()), expected)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"frozen": True}, "needs encoder.weights"),
        ({"frozen": True, "weights": "w", "random_shift": 4}, "none is shifted or jittered"),
        ({"weights": "nowhere.pt"}, "nowhere.pt: no such file"),
        ({"depth": 50}, "choose 18 or 34"),
    ],
)
def test_what_cannot_be_is_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        PixelEncoder(SHAPE, ImageNetResNetConfig(**changes))


def test_weights_of_another_network_are_refused(tmp_path):
    a_vit(tmp_path / "weights.pt")
    for config in (ImageNetResNetConfig(), TimmConfig(model="resnet18")):
        other = replace(config, weights=str(tmp_path / "weights.safetensors"))
        with pytest.raises(ValueError, match=r"are not those of"):
            PixelEncoder(SHAPE, other)
