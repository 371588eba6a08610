"""Where the files of a run lie."""

from dataclasses import dataclass
from pathlib import Path

from calql_vision.runs.config import TaskConfig

TRAINING_STAGES = ("pretrain", "finetune")
ROOT = "runs"
LAUNCH, CONFIG, METRICS, CHECKPOINT = "launch.json", "config.yaml", "metrics.csv", "checkpoint.pt"
BEST, TENSORBOARD = "best.pt", "tensorboard"
#: While a stage runs: where it goes on after an interruption, what it lived through, who writes.
STATE, EPISODES, LOCK = "state.pt", "episodes.log", "run.lock"
EVALUATION, VIDEO = "metrics.json", "episodes.mp4"


@dataclass(frozen=True)
class RunFolder:
    """The folder of one seed of one method: <root>/<task>/<method>/seed<k>."""

    path: Path

    @classmethod
    def of(cls, task: TaskConfig, method: str, seed: int) -> "RunFolder":
        """Where the stages write unless they are told otherwise; `method` is the algo's label."""
        return cls(Path(ROOT) / task.label / method / f"seed{seed}")

    @property
    def method(self) -> str:
        return self.path.parent.name

    @property
    def seed(self) -> int:
        return int(self.path.name.removeprefix("seed"))

    def training(self, stage: str) -> Path:
        """The folder of one of TRAINING_STAGES."""
        return self.path / stage

    def checkpoint(self, stage: str) -> Path:
        return self.training(stage) / CHECKPOINT

    def evaluation(self, stage: str) -> Path:
        """The folder in which the checkpoint of one of TRAINING_STAGES is evaluated."""
        return self.path / ("evaluate" if stage == "finetune" else f"evaluate_{stage}")

    @property
    def diagnosis(self) -> Path:
        return self.path / "diagnose"


def find_runs(root: Path, task: str) -> list[RunFolder]:
    """Every run of a task that has left any result, by method and seed."""
    found = [path for path in (root / task).glob("*/seed*") if path.name[4:].isdigit()]
    folders = [RunFolder(path) for path in found if any(path.glob("*/metrics.*"))]
    return sorted(folders, key=lambda folder: (folder.method, folder.seed))
