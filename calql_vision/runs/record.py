"""One run, and all runs of a task, read back from their folders."""

import csv
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from yaml import YAMLError

from calql_vision.runs.config import RunConfig
from calql_vision.runs.diagnosis import JSON as DIAGNOSIS
from calql_vision.runs.diagnosis import CheckpointDiagnosis, Diagnosis
from calql_vision.runs.evaluation import EvaluatedCheckpoint
from calql_vision.runs.launch import Launch
from calql_vision.runs.layout import (
    CONFIG,
    EVALUATION,
    LAUNCH,
    METRICS,
    TRAINING_STAGES,
    VIDEO,
    RunFolder,
    find_runs,
)
from calql_vision.runs.metrics import Curve, MetricsTable
from calql_vision.runs.versioned_json import OtherFormatError

#: What files raise whose contents are not what a stage has written.
_DAMAGES = (
    ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError, OSError,
    csv.Error, YAMLError,
)  # fmt: skip


@dataclass(frozen=True)
class TrainingRecord:
    """What pretrain or finetune left; None for what is missing or damaged."""

    launch: Launch | None = None
    config: RunConfig | None = None
    metrics: MetricsTable | None = None

    def curve(self, name: str) -> Curve:
        """One column of the metrics; empty where there is none."""
        return self.metrics.curve(name) if self.metrics else Curve(np.empty(0), np.empty(0))

    @property
    def last_step(self) -> float | None:
        """Gradient steps of pretrain, environment steps of finetune."""
        return self.metrics.last_step if self.metrics else None


@dataclass(frozen=True)
class Run:
    """One seed of one method."""

    folder: RunFolder
    training: dict[str, TrainingRecord]  # by training stage, both of them
    evaluations: dict[str, EvaluatedCheckpoint] = field(default_factory=dict)  # by whose checkpoint
    selected: dict[str, EvaluatedCheckpoint] = field(default_factory=dict)  # ... of its best one
    videos: dict[str, Path] = field(default_factory=dict)  # likewise
    diagnosis: Diagnosis | None = None

    @property
    def label(self) -> str:
        return self.folder.method

    @property
    def seed(self) -> int:
        return self.folder.seed

    @property
    def diagnosed(self) -> dict[str, CheckpointDiagnosis]:
        """By training stage; empty where nothing was examined."""
        return self.diagnosis.checkpoints if self.diagnosis else {}

    def curve(self, stage: str, name: str) -> Curve:
        """One column of a training stage's metrics; empty where there is none."""
        return self.training[stage].curve(name)

    @property
    def commands(self) -> list[str]:
        """What was typed, stage by stage; nothing of stages from before that was kept."""
        launches = [
            *(record.launch for record in self.training.values()),
            *(each.launch for each in (*self.evaluations.values(), *self.selected.values())),
            self.diagnosis.launch if self.diagnosis else None,
        ]
        return [launch.command for launch in launches if launch and launch.command]


@dataclass(frozen=True)
class TaskRuns:
    """All runs of a task, by method and seed, and what could not be read."""

    task: str
    runs: list[Run]
    warnings: list[str]

    @property
    def methods(self) -> dict[str, list[Run]]:
        """Label -> its runs in the order of their seeds."""
        labels = dict.fromkeys(run.label for run in self.runs)
        return {label: [run for run in self.runs if run.label == label] for label in labels}


def read_runs(root: Path, task: str) -> TaskRuns:
    """Every `<root>/<task>/<method>/seed<k>` with at least one result.

    A file that cannot be read becomes a warning. Raises ValueError where there is no run at all.
    """
    folders = find_runs(root, task)
    if not folders:
        raise ValueError(
            f"{root / task} holds no run; make one with calql-vision pretrain "
            f"task={task.split('/')[-1]}"
        )
    reader = _Reader([])
    return TaskRuns(task, [reader.run(folder) for folder in folders], reader.warnings)


def read_run(folder: RunFolder) -> tuple[Run, list[str]]:
    """One run wherever it lies, and a warning for each of its files that cannot be read."""
    reader = _Reader([])
    return reader.run(folder), reader.warnings


@dataclass(frozen=True)
class _Reader:
    """Reads what can be read and keeps a sentence about the rest."""

    warnings: list[str]

    def run(self, folder: RunFolder) -> Run:
        evaluations, videos = self._evaluations(folder)
        return Run(
            folder=folder,
            training={stage: self._training(folder.training(stage)) for stage in TRAINING_STAGES},
            evaluations=evaluations,
            selected=self._selected(folder),
            videos=videos,
            diagnosis=self._file(folder.diagnosis / DIAGNOSIS, Diagnosis.load),
        )

    def _training(self, folder: Path) -> TrainingRecord:
        launch = self._file(folder / LAUNCH, Launch.load)
        if launch is None and (folder / LAUNCH).is_file():
            return TrainingRecord()  # of another format, and so is what lies beside it
        return TrainingRecord(
            launch,
            self._file(folder / CONFIG, RunConfig.load),
            self._file(folder / METRICS, MetricsTable.load),
        )

    def _file(self, path: Path, load: Callable[[Path], Any]) -> Any:
        """What is in a file; None where it is missing or cannot be read."""
        try:
            return load(path) if path.is_file() else None
        except FileNotFoundError:
            return None  # a run that begins anew has removed it meanwhile
        except OtherFormatError as error:
            self.warnings.append(f"{error}; it is left out")
        except _DAMAGES as error:
            reason = " ".join(str(error).split())
            self.warnings.append(f"{path} is damaged ({reason}); it is left out")
        return None

    def _evaluations(
        self, folder: RunFolder
    ) -> tuple[dict[str, EvaluatedCheckpoint], dict[str, Path]]:
        """Evaluations and films, by the stage that trained the checkpoint."""
        evaluations, videos = {}, {}
        for place in map(folder.evaluation, TRAINING_STAGES):
            found = self._file(place / EVALUATION, EvaluatedCheckpoint.load)
            if found is None:
                continue
            evaluations[found.stage] = found
            if (place / VIDEO).is_file():
                videos[found.stage] = place / VIDEO
        return evaluations, videos

    def _selected(self, folder: RunFolder) -> dict[str, EvaluatedCheckpoint]:
        """Evaluations of the best checkpoints, by the stage that trained them."""
        places = [folder.evaluation(stage, selected=True) for stage in TRAINING_STAGES]
        found = [self._file(place / EVALUATION, EvaluatedCheckpoint.load) for place in places]
        return {each.stage: each for each in found if each is not None}
