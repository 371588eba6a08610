"""What every encoder is told; its own options stand beside it."""

from dataclasses import dataclass
from typing import Self

from omegaconf import MISSING
from torch import nn

from calql_vision.configs import option


@dataclass
class EncoderConfig:
    """What the pixels go through before critic and actor see them."""

    name: str = option(MISSING, "the encoder")
    features: int = option(64, "D, length of the bottleneck", within="[1, 65536]")
    separate_views: bool = option(False, "a backbone per camera instead of one over all channels")
    frame_stack: int = option(1, "observations that the policy sees at once", within="[1, 64]")
    random_shift: int = option(
        4, "augmentation: the most that images shift, pixels; 0: none", within="[0, 4096]"
    )
    color_jitter: float = option(
        0.0, "augmentation: strength of changes of colour; 0: none", within="[0, 1]"
    )

    def backbone(self, channels: int, image_size: tuple[int, int]) -> nn.Module:
        """What makes features of one image: float [N, C, H, W] in [-0.5, 0.5] -> [N, ...].

        `channels` C are those of all views and stacked frames that it sees at once, `image_size`
        is (H, W) in pixels. Samples must not depend on each other: no batch statistics.
        """
        raise NotImplementedError

    def without_files(self) -> Self:
        """The same for an agent whose weights are stored: what files gave is in them."""
        return self
