"""A folder with a policy for others: weights as safetensors, facts as JSON, a card to read."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from calql_vision.datasets.whole_file import whole_file
from calql_vision.runs.config import RunConfig
from calql_vision.runs.versioned_json import load_json, save_json

if TYPE_CHECKING:
    import torch

    from calql_vision.types import EnvSpec

FORMAT = 1
WEIGHTS, FACTS, CARD = "policy.safetensors", "policy.json", "README.md"


@dataclass(frozen=True)
class ExportedPolicy:
    """What acting needs of a checkpoint, and nothing that training needs."""

    stage: str  # that trained it: pretrain or finetune
    algo: dict[str, Any]  # AgentConfig
    encoder: dict[str, Any]  # EncoderConfig
    env: dict[str, Any]  # EnvSpec
    config: RunConfig  # of that stage
    weights: dict[str, torch.Tensor]  # encoder.* and actor.*, those that act
    updates: int
    env_steps: int
    selected: bool = False  # see CheckpointFile
    versions: dict[str, str] = field(
        default_factory=lambda: {n: version(n) for n in ("torch", "mujoco", "calql-vision")}
    )

    def save(self, folder: Path, card: str) -> None:
        """Weights and card, and at last the facts, without which the folder is not loaded."""
        from safetensors.torch import save

        plain = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "weights"}
        tensors = {name: value.detach().cpu().contiguous() for name, value in self.weights.items()}
        with whole_file(folder / WEIGHTS) as partial:
            partial.write_bytes(save(tensors))
        with whole_file(folder / CARD) as partial:
            partial.write_text(card, encoding="utf-8")
        save_json(folder / FACTS, FORMAT, plain | {"config": self.config.to_dict()})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Raises ValueError, in one sentence, for what `save` has not written."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        if not (folder / FACTS).is_file():
            raise ValueError(f"{folder} is no exported policy: it has no {FACTS}")
        try:
            content = load_json(folder / FACTS, known=(FORMAT,))
            config = RunConfig.from_dict(content.pop("config"))
            return cls(config=config, weights=load_file(folder / WEIGHTS), **content)
        except (SafetensorError, OSError, KeyError, TypeError) as error:
            raise ValueError(f"{folder} is damaged ({error}); export it again") from error

    @property
    def spec(self) -> EnvSpec:
        from calql_vision.types import EnvSpec

        return EnvSpec.from_dict(self.env)
