"""A small stack of strided convolutions: enough for 48 to 96 pixels, and fast on a CPU."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from calql_vision.configs import option
from calql_vision.encoders.config import EncoderConfig


@dataclass
class CNNConfig(EncoderConfig):
    """Strided convolutions."""

    name: str = "cnn"
    channels: list[int] = option([16, 32, 32], "of the layers", within="[1, 4096]")

    def backbone(self, channels: int, image_size: tuple[int, int]) -> nn.Module:
        return cnn(channels, self.channels)


def cnn(in_channels: int, channels: Sequence[int] = (16, 32, 32)) -> nn.Module:
    """3x3 convolutions, each of stride 2: float [N, C, H, W] -> [N, channels[-1], h, w]."""
    layers: list[nn.Module] = []
    for out_channels in channels:
        layers += [
            nn.Conv2d(in_channels, out_channels, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
        ]
        in_channels = out_channels
    return nn.Sequential(*layers)
