"""metrics.json: how a checkpoint did on fresh episodes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from calql_vision.configs.plain_types import has_type
from calql_vision.runs.intervals import wilson_interval
from calql_vision.runs.launch import Launch
from calql_vision.runs.layout import EVALUATION, TRAINING_STAGES
from calql_vision.runs.versioned_json import load_json, save_json

FORMAT = 3  # 1: neither whose checkpoint it was nor how evaluate was launched; 2: not which
_COLUMNS = {"successes": list[bool], "returns": list[float], "lengths": list[int]}


@dataclass(frozen=True)
class Evaluation:
    """Results of N episodes, in the order of their seeds."""

    successes: np.ndarray  # bool [N]
    returns: np.ndarray  # float [N], sums of raw rewards
    lengths: np.ndarray  # int [N], steps

    @property
    def episodes(self) -> int:
        return len(self.successes)

    @property
    def success_rate(self) -> float:
        return float(self.successes.mean())

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the success rate."""
        return wilson_interval(int(self.successes.sum()), self.episodes)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        low, high = self.interval
        return {
            "episodes": self.episodes,
            "success_rate": self.success_rate,
            "success_interval": [low, high],
            "mean_return": float(self.returns.mean()),
            "mean_length": float(self.lengths.mean()),
            "successes": self.successes.tolist(),
            "returns": self.returns.tolist(),
            "lengths": self.lengths.tolist(),
        }

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> "Evaluation":
        """Inverse of `to_dict`. Raises KeyError, or ValueError for what no evaluation is."""
        columns = {name: plain[name] for name in _COLUMNS}
        for name, kind in _COLUMNS.items():
            if not has_type(columns[name], kind):
                raise ValueError(f"its {name} are no {kind}")
        if len({len(column) for column in columns.values()}) != 1 or not columns["successes"]:
            raise ValueError("it has no episodes, or not as many successes as returns and lengths")
        if min(columns["lengths"]) < 1 or not np.isfinite(columns["returns"]).all():
            raise ValueError("it has an episode without a step, or with an infinite return")
        return cls(*map(np.array, columns.values()))

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"success rate {self.success_rate:.2f} [{low:.2f}, {high:.2f}] "
            f"(Wilson 95 %, {self.episodes} episodes), mean length {self.lengths.mean():.1f}"
        )


@dataclass(frozen=True)
class EvaluatedCheckpoint:
    """A checkpoint and how it did."""

    stage: str  # of TRAINING_STAGES: the one that trained it
    checkpoint: str  # path
    evaluation: Evaluation
    launch: Launch | None  # None: of format 1
    selected: bool = False  # the best by periodic evaluations, not the last

    def save(self, folder: Path) -> None:
        """metrics.json, whole or not at all."""
        which = {"stage": self.stage, "checkpoint": self.checkpoint, "selected": self.selected}
        content = which | self.evaluation.to_dict()
        content |= {"launch": self.launch.to_dict()} if self.launch else {}
        save_json(folder / EVALUATION, FORMAT, content)

    @classmethod
    def load(cls, path: Path) -> "EvaluatedCheckpoint":
        """Raises OtherFormatError; KeyError, TypeError or ValueError for a damaged file."""
        content = load_json(path, known=(1, 2, FORMAT))
        stage = content.get("stage") or _stage_by_folder(path, Path(content["checkpoint"]))
        if stage not in TRAINING_STAGES:
            raise ValueError(f"its stage is {stage!r}, none of {', '.join(TRAINING_STAGES)}")
        if not isinstance(content["checkpoint"], str):
            raise ValueError(f"its checkpoint is {content['checkpoint']!r}, no path")
        launch = Launch.from_dict(content["launch"]) if "launch" in content else None
        evaluation, selected = Evaluation.from_dict(content), content.get("selected", False)
        if not isinstance(selected, bool):
            raise ValueError(f"its selected is {selected!r}, no truth value")
        return cls(stage, content["checkpoint"], evaluation, launch, selected)


def _stage_by_folder(path: Path, checkpoint: Path) -> str:
    """All that format 1 has to tell by: what its own folder and the checkpoint's are called."""
    pretrained = path.parent.name == "evaluate_pretrain" or checkpoint.parent.name == "pretrain"
    return "pretrain" if pretrained else "finetune"
