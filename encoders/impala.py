"""IMPALA's residual encoder (Espeholt et al., arXiv 1802.01561, figure 3, right)."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from calql_vision.configs import option
from calql_vision.encoders.config import EncoderConfig


@dataclass
class ImpalaConfig(EncoderConfig):
    """Residual blocks."""

    name: str = "impala"
    channels: list[int] = option([16, 32, 32], "of the stages", within="[1, 4096]")

    def backbone(self, channels: int, image_size: tuple[int, int]) -> nn.Module:
        return impala(channels, self.channels)


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(relu(x)))), the size kept."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def impala(in_channels: int, channels: Sequence[int] = (16, 32, 32)) -> nn.Module:
    """Per stage a convolution, a max-pool of stride 2 and two residual blocks."""
    layers: list[nn.Module] = []
    for out_channels in channels:
        layers += [
            nn.Conv2d(in_channels, out_channels, 3, padding=1),
            nn.MaxPool2d(3, stride=2, padding=1),
            ResidualBlock(out_channels),
            ResidualBlock(out_channels),
        ]
        in_channels = out_channels
    return nn.Sequential(*layers, nn.ReLU())
