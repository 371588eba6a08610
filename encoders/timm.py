"""Any network of timm (DINOv2, DINOv3, R3M's ResNets, ...): the extra [timm]."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from calql_vision.configs import option
from calql_vision.encoders.pretrained import PretrainedConfig, Resized


@dataclass
class TimmConfig(PretrainedConfig):
    """A network of timm without its classifier."""

    name: str = "timm"
    model: str = option("vit_small_patch14_dinov2", "timm's name of the network")

    def network(self, image_size: tuple[int, int]) -> nn.Module:
        network = _create(self.model)
        patches = getattr(network, "patch_embed", None)
        if patches is None:
            return network
        height, width = (
            max(1, round(side / patch)) * patch
            for side, patch in zip(image_size, patches.patch_size, strict=True)
        )
        return Resized(network, (height, width))

    def load(self, network: nn.Module, weights: dict[str, Tensor]) -> None:
        """As timm would: names of the original authors are translated where timm knows how."""
        from importlib import import_module

        network = network.network if isinstance(network, Resized) else network
        module = import_module(type(network).__module__)
        translate = getattr(module, "checkpoint_filter_fn", None)
        translated = translate(weights, network) if translate else weights
        own = network.state_dict()
        missing = own.keys() - translated.keys()
        if missing:
            raise KeyError(f"it lacks {', '.join(sorted(missing)[:3])}")
        network.load_state_dict({name: translated[name] for name in own})


def _create(model: str) -> Any:
    # Imported here: it is an extra, and slow to load.
    try:
        import timm
        from timm.layers import freeze_batch_norm_2d
    except ImportError as error:
        raise ValueError("encoder=timm needs timm: pip install 'calql-vision[timm]'") from error
    if not timm.is_model(model):
        raise ValueError(f"encoder.model={model}: timm has no such network; see timm.list_models()")
    sizes: dict[str, Any] = (
        {"dynamic_img_size": True} if model.startswith(("vit_", "test_vit", "deit")) else {}
    )
    network = timm.create_model(model, pretrained=False, num_classes=0, **sizes)
    return freeze_batch_norm_2d(network)  # batch statistics would mix samples
