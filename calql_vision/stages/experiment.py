"""One cell of a comparison: a method on a task with a seed, from demonstrations to diagnosis."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from calql_vision.configs import option
from calql_vision.engine.training import TrainingConfig
from calql_vision.runs.config import RunConfig
from calql_vision.runs.diagnosis import JSON
from calql_vision.runs.differing_options import differing_options
from calql_vision.runs.layout import CONFIG, EVALUATION, RunFolder
from calql_vision.stages import diagnose, evaluate, finetune, pretrain


@dataclass
class ExperimentConfig(TrainingConfig):
    """All stages of one run, without those that are finished; an interrupted one goes on.

    With -m, all combinations; with -m hydra/launcher=ray on all cores, or on a Ray cluster.
    """

    videos: int = option(
        9, "how many episodes of the last evaluation to film, side by side", within="[0, 1000]"
    )


class Step(NamedTuple):
    """A stage of the cell."""

    run: Callable[[bool], Any]  # told whether it is to replace an older result
    result: Path
    needs: Path | None = None  # where this is newer, the result is out of date


def run(config: ExperimentConfig) -> RunFolder:
    """Run what is missing, in order; returns the folder of the results.

    Raises ValueError for a folder with other options than these, and what the stages raise.
    """
    if config.output:
        raise ValueError(
            f"output={config.output}: an experiment writes to the folders that `report` reads; "
            "leave it out, and give algo.label for folders of its own"
        )
    place = RunFolder.of(config.task, config.algo.label, config.seed)
    for step in steps(config, place):
        replaces = step.result.is_file()
        if config.overwrite or not replaces or outdated(step):
            step.run(replaces or config.overwrite)
    print(f"experiment: {place.path}")
    return place


def steps(config: ExperimentConfig, place: RunFolder) -> list[Step]:
    """What the cell is made of. Raises ValueError for finished training with other options."""
    last, diagnosis = place.checkpoint("finetune"), place.diagnosis / JSON
    examined = of(config, diagnose.DiagnoseConfig)
    online = [
        training(config, place, "finetune", finetune.run, finetune.FinetuneConfig),
        evaluation(config, place, "finetune", config.videos),
        Step(lambda _: diagnose.run(examined), diagnosis, last),
    ]
    if not config.algo.online.pretrained:
        return online
    offline = training(config, place, "pretrain", pretrain.run, pretrain.PretrainConfig)
    tuned = online[0]._replace(needs=offline.result)
    return [offline, evaluation(config, place, "pretrain", videos=0), tuned, *online[1:]]


def training(
    config: ExperimentConfig,
    place: RunFolder,
    stage: str,
    run: Callable[[Any], Any],
    kind: type[TrainingConfig],
) -> Step:
    result, finished = place.checkpoint(stage), place.training(stage) / CONFIG
    if result.is_file() and not config.overwrite:
        check_same(finished, config)
    return Step(lambda replaces: run(of(config, kind, overwrite=replaces)), result)


def evaluation(config: ExperimentConfig, place: RunFolder, stage: str, videos: int) -> Step:
    asked = of(config, evaluate.EvaluateConfig, stage=stage, videos=videos)
    result = place.evaluation(stage) / EVALUATION
    return Step(lambda _: evaluate.run(asked), result, place.checkpoint(stage))


def outdated(step: Step) -> bool:
    """Whether the step before it has been run again."""
    return step.needs is not None and step.needs.stat().st_mtime > step.result.stat().st_mtime


def of(config: ExperimentConfig, kind: Any, **others: Any) -> Any:
    """A stage's own configuration: what it shares with ours, and `others`.

    Single images do not gain from threads: those are each stage's own choice.
    """
    names = {field.name for field in fields(kind)} - {"output"}
    shared = {field.name for field in fields(config)} & names
    if not issubclass(kind, TrainingConfig):
        shared -= {"threads"}
    return kind(**{name: getattr(config, name) for name in shared} | others)


def check_same(path: Path, config: ExperimentConfig) -> None:
    """ValueError where the finished training in `path` had other options."""
    then, now = RunConfig.load(path).to_dict(), config.to_dict()
    now = {key: now[key] for key in then}  # what all stages have
    differing = differing_options(then, now, besides=["task.horizon"])  # which data may lengthen
    if differing:
        raise ValueError(
            f"{path.parent} is finished, with {', '.join(differing)}; ask as then, "
            "set overwrite=true, or give algo.label another value"
        )
