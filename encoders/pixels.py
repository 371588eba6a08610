"""All cameras and proprioception in, one feature vector out."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from calql_vision.encoders.augment import color_jitter, random_shift
from calql_vision.encoders.config import EncoderConfig
from calql_vision.types import Observation


@dataclass(frozen=True)
class ObservationShape:
    """Shape of one observation as the encoder meets it (frames already stacked)."""

    views: int
    height: int
    width: int
    channels: int
    proprio: int


class PixelEncoder(nn.Module):
    """Convolutions over the views and a bottleneck: tanh(LayerNorm(linear)), as in DrQ.

    Proprioception is normalised by the statistics of the demonstrations and enters the
    bottleneck through a linear layer of its own, else a handful of numbers would drown among
    a thousand convolutional features.
    """

    proprio_mean: Tensor
    proprio_std: Tensor

    def __init__(self, shape: ObservationShape, config: EncoderConfig):
        super().__init__()
        self.shape, self.separate_views = shape, config.separate_views
        size = (shape.height, shape.width)
        groups = shape.views if config.separate_views else 1
        channels = shape.views * shape.channels // groups
        self.backbones = nn.ModuleList(config.backbone(channels, size) for _ in range(groups))
        self.project_images = nn.Linear(self._flat_width(), config.features)
        self.project_proprio = nn.Linear(shape.proprio, config.features, bias=False)
        self.norm = nn.LayerNorm(config.features)
        self.register_buffer("proprio_mean", torch.zeros(shape.proprio))
        self.register_buffer("proprio_std", torch.ones(shape.proprio))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def _flat_width(self) -> int:
        shape = self.shape
        blank = torch.zeros(1, shape.views, shape.height, shape.width, shape.channels)
        with torch.no_grad():
            return self._convolve(blank).shape[1]

    def normalise_proprio(self, mean: Tensor, std: Tensor) -> None:
        """Fix the statistics [P] of the demonstrations; part of the checkpoint."""
        self.proprio_mean.copy_(mean)
        self.proprio_std.copy_(std.clamp(min=1e-4))

    def forward(self, observation: Observation) -> Tensor:
        """Images uint8 or float in [0, 1] [B, V, H, W, C] and proprio [B, P] -> [B, D]."""
        proprio = (observation.proprio - self.proprio_mean) / self.proprio_std
        flat = self._convolve(observation.images)
        return torch.tanh(self.norm(self.project_images(flat) + self.project_proprio(proprio)))

    def _convolve(self, images: Tensor) -> Tensor:
        """[B, V, H, W, C] -> float [B, F]; channels last in memory, which is faster on a CPU."""
        views = images.unbind(1)
        groups = views if self.separate_views else [torch.cat(views, dim=-1)]
        return torch.cat(
            [
                backbone(_centre(group.contiguous()).permute(0, 3, 1, 2)).flatten(1)
                for backbone, group in zip(self.backbones, groups, strict=True)
            ],
            dim=1,
        )


def _centre(images: Tensor) -> Tensor:
    """uint8, or float in [0, 1], -> float in [-0.5, 0.5]; in place where it can."""
    if images.dtype == torch.uint8:
        return images.float().mul_(1 / 255).sub_(0.5)
    return images - 0.5


def to_unit(images: Tensor) -> Tensor:
    """uint8 -> float in [0, 1]; float images are already there."""
    return images.float() / 255 if images.dtype == torch.uint8 else images


def augment(
    observation: Observation, config: EncoderConfig, generator: torch.Generator
) -> Observation:
    """The observation with its images shifted and, if asked, jittered at random."""
    images = random_shift(observation.images, config.random_shift, generator)
    if config.color_jitter > 0:
        images = color_jitter(to_unit(images), config.color_jitter, generator)
    return Observation(images, observation.proprio)
