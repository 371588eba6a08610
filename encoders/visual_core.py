"""robomimic's VisualCore: ResNet-18 convolutions and spatial softmax, as its policies use."""

from dataclasses import dataclass

from torch import nn

from calql_vision.encoders.config import EncoderConfig
from calql_vision.encoders.resnet import group_norm


@dataclass
class VisualCoreConfig(EncoderConfig):
    """robomimic's, which has no options here."""

    name: str = "visual_core"

    def backbone(self, channels: int, image_size: tuple[int, int]) -> nn.Module:
        return visual_core(channels, image_size)


def visual_core(in_channels: int, image_size: tuple[int, int]) -> nn.Module:
    """float [N, C, H, W] -> [N, 64], robomimic's default image encoder.

    Its batch norms become group norms: the agent acts on single images and trains on batches
    that mix offline with online data, so that batch statistics would differ between the two.
    """
    # Imported here: robomimic loads its whole model zoo, which no other encoder needs.
    from robomimic.models.obs_core import VisualCore

    core = VisualCore(
        input_shape=(in_channels, *image_size),
        backbone_class="ResNet18Conv",
        backbone_kwargs={"pretrained": False, "input_coord_conv": False},
        pool_class="SpatialSoftmax",
        pool_kwargs={"num_kp": 32},
        feature_dimension=64,
    )
    _replace_batch_norm(core)
    return core


def _replace_batch_norm(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, group_norm(child.num_features))
        else:
            _replace_batch_norm(child)
