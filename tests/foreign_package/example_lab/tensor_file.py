"""A format: all episodes in one file of torch.save."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from calql_vision.datasets.whole_file import whole_file
from calql_vision.formats.format import Format, WriteOptions
from calql_vision.formats.raw_episode import Facts, RawEpisode
from calql_vision.types import EnvSpec, Episode


@dataclass(frozen=True)
class TensorFile:
    """What reads: a `PixelSource`."""

    path: Path

    def facts(self) -> Facts:
        spec = EnvSpec.from_dict(self._content()["spec"])
        return Facts(spec.name, spec.kwargs, spec.control_hz, spec.horizon)

    def __len__(self) -> int:
        return len(self._content()["episodes"])

    def __iter__(self) -> Iterator[RawEpisode]:
        content = self._content()
        spec = EnvSpec.from_dict(content["spec"])
        for number, stored in enumerate(content["episodes"]):
            arrays = {key: tensor.numpy() for key, tensor in stored.items()}
            columns = np.cumsum(list(spec.proprio.values()))[:-1]
            parts = np.split(arrays["proprio"], columns, axis=1)
            yield RawEpisode(
                name=f"episode {number}",
                images={name: arrays["images"][:, v] for v, name in enumerate(spec.cameras)},
                proprio=dict(zip(spec.proprio, parts, strict=True)),
                actions=arrays["actions"],
                marks={None: arrays["rewards"] > 0},
            )

    def _content(self) -> dict[str, Any]:
        return torch.load(self.path, weights_only=True)


@dataclass
class TensorWriter:
    """What takes episodes."""

    episodes: list[dict[str, torch.Tensor]] = field(default_factory=list)

    def append(self, episode: Episode) -> None:
        names = ("images", "proprio", "actions", "rewards")
        self.episodes.append({name: torch.from_numpy(getattr(episode, name)) for name in names})


@contextmanager
def write(path: Path, spec: EnvSpec, options: WriteOptions) -> Iterator[TensorWriter]:
    """The file appears at the end of the block, whole or not at all."""
    writer = TensorWriter()
    with whole_file(path) as partial:
        yield writer
        torch.save({"spec": spec.to_dict(), "episodes": writer.episodes}, partial)


FORMAT = Format(
    summary="a file of tensors (.pt)",
    recognise=lambda path: path.suffix == ".pt",
    open=TensorFile,
    write=write,
    ending="tensors.pt",
)
