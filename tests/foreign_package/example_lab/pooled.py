"""An encoder: the mean colours of the cells of a grid."""

from dataclasses import dataclass

from torch import nn

from calql_vision.configs import option
from calql_vision.encoders import EncoderConfig


@dataclass
class PooledConfig(EncoderConfig):
    """Its own options, besides those of every encoder."""

    name: str = "pooled"
    cells: int = option(8, "of the grid, per side")

    def backbone(self, channels: int, image_size: tuple[int, int]) -> nn.Module:
        return nn.Sequential(nn.Conv2d(channels, channels, 1), nn.AdaptiveAvgPool2d(self.cells))
