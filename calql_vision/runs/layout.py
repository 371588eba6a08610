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
#: For whoever watches: how far it is, and the last episodes of a periodic evaluation.
LIVE, FILM = "live.json", "episodes.gif"
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

    def checkpoint(self, stage: str, which: str = "last") -> Path:
        """Of one of TRAINING_STAGES, the last one or the best. Raises ValueError."""
        if which not in ("last", "best"):
            raise ValueError(f"which={which}: choose last or best")
        return self.training(stage) / (CHECKPOINT if which == "last" else BEST)

    def evaluation(self, stage: str, selected: bool = False) -> Path:
        """The folder in which the last, or the selected, checkpoint of a stage is evaluated."""
        name = "evaluate" if stage == "finetune" else f"evaluate_{stage}"
        return self.path / (f"{name}_best" if selected else name)

    @property
    def diagnosis(self) -> Path:
        return self.path / "diagnose"


def find_runs(root: Path, task: str) -> list[RunFolder]:
    """Every run of a task that has left any result, by method and seed."""
    found = [path for path in (root / task).glob("*/seed*") if path.name[4:].isdigit()]
    folders = [RunFolder(path) for path in found if any(path.glob("*/metrics.*"))]
    return sorted(folders, key=lambda folder: (folder.method, folder.seed))
