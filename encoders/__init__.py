"""The table of encoders."""

from calql_vision.configs.entry_points import Table
from calql_vision.encoders.cnn import CNNConfig
from calql_vision.encoders.config import EncoderConfig
from calql_vision.encoders.imagenet_resnet import ImageNetResNetConfig
from calql_vision.encoders.impala import ImpalaConfig
from calql_vision.encoders.resnet import ResNet18Config
from calql_vision.encoders.timm import TimmConfig
from calql_vision.encoders.visual_core import VisualCoreConfig

_OURS: dict[str, type[EncoderConfig]] = {
    "cnn": CNNConfig,
    "impala": ImpalaConfig,
    "resnet18": ResNet18Config,
    "visual_core": VisualCoreConfig,
    "imagenet_resnet": ImageNetResNetConfig,
    "timm": TimmConfig,
}
#: name in the configuration -> its options, which build its backbone.
ENCODERS = Table("calql_vision.encoders", _OURS, EncoderConfig)


def check_encoder(config: EncoderConfig) -> None:
    """ValueError for an unknown name, and for the options of another encoder than it names."""
    if config.name not in ENCODERS:
        raise ValueError(f"encoder.name={config.name}: choose one of {sorted(ENCODERS)}")
    if not isinstance(config, ENCODERS[config.name]):
        raise ValueError(
            f"encoder.name={config.name} does not go with {type(config).__name__}; "
            f"choose it as a whole: encoder={config.name}"
        )


__all__ = ["ENCODERS", "EncoderConfig", "check_encoder"]
