"""torchvision's ResNet-18 with GroupNorm, for images of 84 pixels and more."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from calql_vision.configs import option
from calql_vision.encoders.config import EncoderConfig


@dataclass
class ResNet18Config(EncoderConfig):
    """torchvision's ResNet-18, its weights random or from a file."""

    name: str = "resnet18"
    weights: str | None = option(None, "local file with torchvision's state_dict; null: random")

    def backbone(self, channels: int, image_size: tuple[int, int]) -> nn.Module:
        return resnet18(channels, self.weights)


def group_norm(channels: int) -> nn.Module:
    """Batch statistics would leak between offline and online halves of a batch."""
    return nn.GroupNorm(channels // 16, channels)


def resnet18(in_channels: int, weights: str | None = None) -> nn.Module:
    """float [N, C, H, W] -> [N, 512, h, w], size / 32.

    `weights` is a local file with a state_dict of torchvision's resnet18 (nothing is ever
    downloaded). Its batch norms have no counterpart and are left out; with other than 3 input
    channels the first kernel is repeated and divided, so that activations keep their scale.
    Raises ValueError if the file does not fit.
    """
    # Imported here: torchvision takes seconds to load, and the small encoders do not need it.
    from torchvision.models import resnet18 as torchvision_resnet18

    network = torchvision_resnet18(norm_layer=group_norm)
    if in_channels != 3:
        network.conv1 = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
    if weights is not None:
        _load(network, weights, in_channels)
    return nn.Sequential(*list(network.children())[:-2])


def _load(network: nn.Module, weights: str, in_channels: int) -> None:
    if not Path(weights).is_file():
        raise ValueError(f"encoder.weights={weights}: no such file; give a local state_dict")
    state = torch.load(weights, map_location="cpu", weights_only=True)
    kernels = {name: value for name, value in state.items() if value.ndim == 4}
    if "conv1.weight" not in kernels:
        raise ValueError(f"encoder.weights={weights}: not a resnet18 state_dict (no conv1.weight)")
    repeats = -(-in_channels // 3)
    first = kernels["conv1.weight"].repeat(1, repeats, 1, 1)[:, :in_channels] * 3 / in_channels
    network.load_state_dict(kernels | {"conv1.weight": first}, strict=False)
