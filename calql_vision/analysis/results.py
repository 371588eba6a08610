"""What finished and unfinished runs have left behind, read back from their folders."""

import csv
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from omegaconf import OmegaConf
from yaml import YAMLError

from calql_vision.analysis.dip import WINDOW, Dip
from calql_vision.runs.diagnosis import JSON as DIAGNOSIS
from calql_vision.runs.diagnosis import Diagnosis
from calql_vision.runs.intervals import wilson_interval

TRAINING_STAGES = ("pretrain", "finetune")
_EVALUATIONS = ("evaluate_pretrain", "evaluate")  # folders

#: Column of metrics.csv -> float64 [rows], NaN where a row has no value.
MetricsTable = dict[str, np.ndarray]


class Curve(NamedTuple):
    """One metric over the steps of a stage: float64 [N] each, without gaps."""

    steps: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class SuccessCount:
    """How many of so many episodes succeeded."""

    successes: int
    episodes: int

    @property
    def rate(self) -> float:
        return self.successes / self.episodes

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the success rate."""
        return wilson_interval(self.successes, self.episodes)

    @classmethod
    def pooled(cls, counts: Iterable["SuccessCount | None"]) -> "SuccessCount | None":
        """All episodes together; None where nothing was evaluated."""
        known = [count for count in counts if count is not None]
        if not known:
            return None
        return cls(sum(c.successes for c in known), sum(c.episodes for c in known))


@dataclass(frozen=True)
class Run:
    """One seed of one method; stages that are missing or damaged are absent from the dicts."""

    folder: Path
    label: str
    seed: int
    metrics: dict[str, MetricsTable] = field(default_factory=dict)  # by training stage
    configs: dict[str, dict[str, Any]] = field(default_factory=dict)  # by training stage
    evaluated: dict[str, SuccessCount] = field(default_factory=dict)  # by whose checkpoint
    videos: dict[str, Path] = field(default_factory=dict)  # likewise
    diagnosis: Diagnosis | None = None

    def curve(self, stage: str, name: str) -> Curve:
        """The rows of metrics.csv that have a value for `name`; empty where there are none."""
        metrics = self.metrics.get(stage, {})
        if name not in metrics:
            return Curve(np.empty(0), np.empty(0))
        known = ~np.isnan(metrics[name])
        return Curve(metrics["step"][known], metrics[name][known])

    @property
    def offline(self) -> SuccessCount | None:
        """After pre-training: of `evaluate stage=pretrain`, else the last periodic evaluation."""
        if "pretrain" in self.evaluated:
            return self.evaluated["pretrain"]
        return self._periodic("pretrain", -1) or self._periodic("finetune", 0)

    def _periodic(self, stage: str, row: int) -> SuccessCount | None:
        rates = self.curve(stage, "evaluation/success_rate").values
        episodes = self.curve(stage, "evaluation/episodes").values
        if not len(rates) or len(rates) != len(episodes):
            return None
        return SuccessCount(round(rates[row] * episodes[row]), round(episodes[row]))

    @property
    def final(self) -> SuccessCount | None:
        """After fine-tuning, as the stage `evaluate` counted it."""
        return self.evaluated.get("finetune")

    @property
    def regret(self) -> float | None:
        """Cumulative regret: mean over online episodes of 1 - success."""
        values = self.regret_curve.values
        return float(values[-1]) if len(values) else None

    @property
    def regret_curve(self) -> Curve:
        """Regret so far, after every online episode, over environment steps."""
        steps, success = self.curve("finetune", "online/success")
        return Curve(steps, np.cumsum(1 - success) / np.arange(1, len(success) + 1))

    @property
    def dip(self) -> Dip | None:
        """What going online cost at first; None where there are too few online episodes."""
        successes = self.curve("finetune", "online/success").values
        if len(successes) < WINDOW:
            return None
        return Dip.of(successes, self.offline.rate if self.offline else None)

    @property
    def wall_seconds(self) -> float | None:
        """Of both training stages, evaluations included; None where one does not tell."""
        curves = [self.curve(stage, "wall_seconds").values for stage in self.metrics]
        known = [values[-1] for values in curves if len(values)]
        return float(sum(known)) if known and len(known) == len(curves) else None

    @property
    def env_steps(self) -> int | None:
        return self._last_step("finetune")

    @property
    def updates(self) -> int | None:
        """Gradient updates, offline and online."""
        online = self.curve("finetune", "updates").values
        return int(online[-1]) if len(online) else self._last_step("pretrain")

    def _last_step(self, stage: str) -> int | None:
        steps = self.metrics.get(stage, {}).get("step")
        return None if steps is None else int(steps[-1])

    @property
    def updates_per_second(self) -> float | None:
        """Of pre-training, evaluations not counted."""
        values = self.curve("pretrain", "updates_per_second").values
        return float(values[-1]) if len(values) else None


@dataclass(frozen=True)
class Results:
    """All runs of a task, by method and seed, and what could not be read."""

    task: str
    runs: list[Run]
    warnings: list[str]

    @property
    def methods(self) -> dict[str, list[Run]]:
        """Label -> its runs in the order of their seeds."""
        labels = dict.fromkeys(run.label for run in self.runs)
        return {label: [run for run in self.runs if run.label == label] for label in labels}


def read_runs(folder: Path, task: str) -> Results:
    """Every `<folder>/<task>/<label>/seed<k>` with at least one result.

    A file that cannot be read becomes a warning. Raises ValueError where there is no run at all.
    """
    found = [path for path in (folder / task).glob("*/seed*") if path.name[4:].isdigit()]
    found = [path for path in found if any(path.glob("*/metrics.*"))]
    if not found:
        raise ValueError(
            f"{folder / task} holds no run; make one with calql-vision pretrain "
            f"task={task.split('/')[-1]}"
        )
    warnings: list[str] = []
    found.sort(key=lambda path: (path.parent.name, int(path.name[4:])))
    return Results(task, [_read_run(path, warnings) for path in found], warnings)


def _read_run(folder: Path, warnings: list[str]) -> Run:
    def readable(path: Path, read: Callable[[Path], Any]) -> Any:
        """What `read` finds in the file; None where it is missing or damaged."""
        try:
            return read(path) if path.is_file() else None
        except (ValueError, KeyError, TypeError, csv.Error, YAMLError) as error:
            warnings.append(f"{path} is damaged ({error}); it is left out")
            return None

    metrics = {s: readable(folder / s / "metrics.csv", read_metrics) for s in TRAINING_STAGES}
    configs = {s: readable(folder / s / "config.yaml", _read_config) for s in TRAINING_STAGES}
    evaluated, videos = {}, {}
    for name in _EVALUATIONS:
        video = folder / name / "episodes.mp4"
        found = readable(folder / name / "metrics.json", read_evaluation) or {}
        evaluated |= found
        videos |= dict.fromkeys(found, video) if video.is_file() else {}
    return Run(
        folder=folder,
        label=folder.parent.name,
        seed=int(folder.name[4:]),
        metrics={stage: found for stage, found in metrics.items() if found},
        configs={stage: found for stage, found in configs.items() if found},
        evaluated=evaluated,
        videos=videos,
        diagnosis=readable(folder / "diagnose" / DIAGNOSIS, Diagnosis.load),
    )


def read_metrics(path: Path) -> MetricsTable:
    """A metrics.csv. Raises ValueError, or csv.Error, for one that is empty or damaged."""
    with path.open(newline="") as file:
        header, *rows = csv.reader(file) if path.stat().st_size else [[]]
    if "step" not in header or not rows:
        raise ValueError("it has no rows")
    for line, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise ValueError(f"line {line} has {len(row)} cells, the header {len(header)}")
    table = np.array([[float(cell or "nan") for cell in row] for row in rows])
    metrics = dict(zip(header, table.T, strict=True))
    if not (np.diff(metrics["step"], prepend=0) >= 0).all():
        raise ValueError("its steps are missing or go backwards")
    return metrics


def read_evaluation(path: Path) -> dict[str, SuccessCount]:
    """A metrics.json of `evaluate`, by the stage whose checkpoint was evaluated."""
    content = json.loads(path.read_text())
    successes = content["successes"]
    if not successes:
        raise ValueError("it has no episodes")
    stage = "pretrain" if Path(content["checkpoint"]).parent.name == "pretrain" else "finetune"
    return {stage: SuccessCount(sum(successes), len(successes))}


def _read_config(path: Path) -> dict[str, Any]:
    content = OmegaConf.to_container(OmegaConf.load(path))
    missing = {"task", "algo", "scale", "data", "seed"} - set(content)
    if missing:
        raise ValueError(f"it lacks {', '.join(sorted(missing))}")
    return content
