"""Networks that others have trained, from a local file: frozen or fine-tuned."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from calql_vision.configs import option
from calql_vision.encoders.config import EncoderConfig
from calql_vision.encoders.frozen import FrozenFeatures

#: ImageNet's mean and deviation of red, green and blue, in [0, 1], with which all of them learnt.
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_STORED = "stored"
_R3M = "convnet."  # R3M keeps its ResNet beside a language model


@dataclass
class PretrainedConfig(EncoderConfig):
    """What every pretrained network is told. Each frame of each camera passes it by itself."""

    random_shift: int = 0  # shifted frames would be new ones
    weights: str | None = option(
        None, "local file of its weights (nothing is downloaded); null: random"
    )
    frozen: bool = option(False, "it is not trained, and sees every frame once")
    remembered_frames: int = option(
        200_000, "frozen: the most frames whose features stay on the device", within="[0, 1e9]"
    )

    def network(self, image_size: tuple[int, int]) -> nn.Module:
        """Normalised frames, float [N, 3, H, W] -> [N, F]; random."""
        raise NotImplementedError

    def load(self, network: nn.Module, weights: dict[str, Tensor]) -> None:
        """The file's weights, without a classifier. Raises RuntimeError for those of another."""
        network.load_state_dict(weights)

    def backbone(self, channels: int, image_size: tuple[int, int]) -> nn.Module:
        if self.frozen and self.weights is None:
            raise ValueError("encoder.frozen=true needs encoder.weights=<local file>")
        if self.frozen and (self.random_shift or self.color_jitter):
            raise ValueError(
                "encoder.frozen=true sees every frame once, so that none is shifted or jittered; "
                "set encoder.random_shift=0 encoder.color_jitter=0"
            )
        network = self.network(image_size)
        if self.weights not in (None, _STORED):
            self._load_file(network, Path(self.weights or ""))
        frames: nn.Module = NormalisedFrames(network)
        if self.frozen:
            frames = FrozenFeatures(frames, self.remembered_frames)
        return EachFrame(frames)

    def without_files(self) -> Self:
        return self if self.weights is None else replace(self, weights=_STORED)

    def _load_file(self, network: nn.Module, path: Path) -> None:
        try:
            self.load(network, read_weights(path))
        except (RuntimeError, KeyError) as error:
            reason = " ".join(str(error).split())[:300]
            raise ValueError(
                f"encoder.weights={path} are not those of {self.name}: {reason}"
            ) from error


def read_weights(path: Path) -> dict[str, Tensor]:
    """A state_dict by itself, inside a checkpoint, or R3M's. Raises ValueError for other files."""
    if not path.is_file():
        raise ValueError(f"encoder.weights={path}: no such file; give a local state_dict")
    content = _content(path)
    for key in ("state_dict", "model", "r3m"):
        content = content.get(key, content) if isinstance(content.get(key), dict) else content
    weights = {name.removeprefix("module."): value for name, value in content.items()}
    if any(name.startswith(_R3M) for name in weights):
        weights = {n.removeprefix(_R3M): v for n, v in weights.items() if n.startswith(_R3M)}
    return {name: value for name, value in weights.items() if isinstance(value, Tensor)}


def _content(path: Path) -> dict[str, Any]:
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, OSError, EOFError, torch.serialization.pickle.UnpicklingError) as error:
        raise ValueError(f"encoder.weights={path}: no file of weights ({error})") from error


class NormalisedFrames(nn.Module):
    """Frames as the network learnt them."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(_DEVIATION)[:, None, None], persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        """Float [N, 3, H, W] in [-0.5, 0.5] -> [N, F]."""
        return self.network((frames + 0.5 - self.mean) / self.deviation)


class EachFrame(nn.Module):
    """Views and stacked frames, one after the other through the same network."""

    def __init__(self, frames: nn.Module):
        super().__init__()
        self.frames = frames

    def forward(self, images: Tensor) -> Tensor:
        """Float [N, 3 K, H, W] -> [N, K F]."""
        batch, channels, height, width = images.shape
        frames = images.reshape(batch * channels // 3, 3, height, width)
        return self.frames(frames).reshape(batch, -1)


class Resized(nn.Module):
    """A network of images of another size."""

    def __init__(self, network: nn.Module, size: tuple[int, int]):
        super().__init__()
        self.network, self.size = network, size

    def forward(self, frames: Tensor) -> Tensor:
        if frames.shape[-2:] != self.size:
            frames = interpolate(frames, self.size, mode="bilinear", antialias=True)
        return self.network(frames)
