"""torchvision's ResNet-18 and ResNet-34 as they come, with weights of ImageNet or of R3M."""

from dataclasses import dataclass

from torch import Tensor, nn

from calql_vision.configs import option
from calql_vision.encoders.pretrained import PretrainedConfig

_DEPTHS = (18, 34)


@dataclass
class ImageNetResNetConfig(PretrainedConfig):
    """torchvision's ResNet, its batch norms frozen; 512 numbers a frame."""

    name: str = "imagenet_resnet"
    depth: int = option(18, "18 or 34", within="[18, 34]")

    def network(self, image_size: tuple[int, int]) -> nn.Module:
        # Imported here: torchvision takes seconds to load, and the small encoders do not need it.
        import torchvision
        from torchvision.ops import FrozenBatchNorm2d

        if self.depth not in _DEPTHS:
            raise ValueError(f"encoder.depth={self.depth}: choose 18 or 34")
        build = getattr(torchvision.models, f"resnet{self.depth}")
        network = build(norm_layer=FrozenBatchNorm2d)
        network.fc = nn.Identity()
        return network

    def load(self, network: nn.Module, weights: dict[str, Tensor]) -> None:
        counters = "num_batches_tracked"  # frozen norms count nothing
        kept = {n: v for n, v in weights.items() if not n.startswith("fc.") and counters not in n}
        network.load_state_dict(kept)
