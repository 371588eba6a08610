"""checkpoint.pt: everything that acting or further training needs, in one file."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from calql_vision.datasets.returns import RewardConfig
from calql_vision.runs.checkpoint_check import check_stored
from calql_vision.runs.config import RunConfig
from calql_vision.runs.exported import FACTS
from calql_vision.runs.tensor_file import load_tensors, save_tensors
from calql_vision.runs.versioned_json import check_format

if TYPE_CHECKING:  # torch is loaded where a file is opened, not by who only knows of the format
    import torch

    from calql_vision.types import EnvSpec

FORMAT = 4  # 1: no averaged encoder, `separate_actor` among the options of the encoder; 3: no best
#: Format 2 stored with every encoder the options of all; now each has its own.
_OWNERS_2 = {"channels": ("cnn", "impala"), "weights": ("resnet18",)}


@dataclass(frozen=True)
class CheckpointFile:
    """What is in the file. There everything is plain values and tensors, so that
    `weights_only=True` loads it."""

    stage: str  # that trained it: pretrain or finetune
    algo: dict[str, Any]  # AgentConfig
    encoder: dict[str, Any]  # EncoderConfig: augmentation, frame stack, size
    env: dict[str, Any]  # EnvSpec: cameras in order, image size, proprioception
    reward: RewardConfig
    discount: float
    config: RunConfig  # the stage's whole configuration
    weights: dict[str, torch.Tensor]
    optimizers: dict[str, Any]
    generator: torch.Tensor  # state of the agent's own random numbers
    updates: int  # gradient steps so far, offline and online
    env_steps: int  # online environment steps so far
    selected: bool = False  # as the best of several by periodic evaluations, not as the last
    versions: dict[str, str] = field(
        default_factory=lambda: {n: version(n) for n in ("torch", "mujoco", "calql-vision")}
    )
    format: int = FORMAT

    def save(self, path: Path) -> None:
        """Whole or not at all."""
        save_tensors(path, self.content())

    def content(self) -> dict[str, Any]:
        """Plain values and tensors; the tensors are the agent's own, which training changes."""
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        return found | {"config": self.config.to_dict(), "reward": vars(self.reward)}

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises ValueError, in one sentence, for what is not a checkpoint of ours."""
        if (path / FACTS).is_file():
            raise ValueError(
                f"{path} is an exported policy, which acts but does not learn; give the "
                "checkpoint.pt that it was exported from"
            )
        if not path.is_file():
            raise ValueError(f"{path}: no such checkpoint; run the stage before this one first")
        return cls.from_content(path, load_tensors(path, {"format", "config", "weights"}))

    @classmethod
    def from_content(cls, path: Path, content: dict[str, Any]) -> Self:
        """Inverse of `content`, which was found in `path`. Raises ValueError."""
        content = dict(content)
        found = content.pop("format", None)
        check_format(path, found, known=(2, 3, FORMAT))
        try:
            if found == 2:
                content["encoder"] = _own_options(content["encoder"])
            plain = content.pop("config")
            stage = content.pop("stage", None) or _stage_by_keys(plain)
            config, reward = RunConfig.from_dict(plain), RewardConfig(**content.pop("reward"))
            read = cls(stage=stage, config=config, reward=reward, **content)
            check_stored(read)
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            raise ValueError(f"{path}: {error}; train again") from error
        return read

    @property
    def spec(self) -> EnvSpec:
        from calql_vision.types import EnvSpec

        return EnvSpec.from_dict(self.env)


def _own_options(encoder: dict[str, Any]) -> dict[str, Any]:
    """Of what format 2 stored, what belongs to the encoder."""
    others = {key for key, owners in _OWNERS_2.items() if encoder.get("name") not in owners}
    return {key: value for key, value in encoder.items() if key not in others}


def _stage_by_keys(plain: dict[str, Any]) -> str:
    """Early ones of format 2 do not say: only finetune's configuration names a checkpoint."""
    return "finetune" if "checkpoint" in plain else "pretrain"
