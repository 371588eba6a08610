"""Which environment a run is about; the part of the configuration that all stages share."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from calql_vision.envs import make_env
from calql_vision.types import EnvSpec, PixelEnv


@dataclass
class TaskConfig:
    """The task, what is seen of it and how the future is discounted."""

    name: str = "tabletop/lift"  # "family/task"
    dataset: str | None = None  # the demonstrations' own name, where a task has several kinds
    cameras: list[str] | None = None  # in order; null: the family's own choice
    image_size: int = 48  # side of the square images, pixels
    horizon: int | None = None  # steps until an episode is truncated; null: the task's own
    discount: float = 0.97  # gamma, per step
    effort: float = 1.0  # factor on the amounts of training that `scale` sets
    kwargs: dict[str, Any] = field(default_factory=dict)  # further arguments of make_env
    collect_kwargs: dict[str, Any] = field(default_factory=dict)  # those that differ for collect
    demonstrations: float = 1.0  # factor on the number of episodes to collect that `scale` sets
    noise: float | None = None  # clumsiness of the demonstrations' expert; null: the expert's own

    @property
    def label(self) -> str:
        """Folder of everything that belongs to the task with these demonstrations."""
        return self.dataset or self.name


def task_env(task: TaskConfig, collecting: bool = False) -> PixelEnv:
    """The environment of a task; with `collecting` the one in which demonstrations are made."""
    kwargs = task.kwargs | (task.collect_kwargs if collecting else {})
    return make_env(
        task.name,
        cameras=task.cameras,
        image_size=task.image_size,
        horizon=task.horizon,
        **kwargs,
    )


def spec_env(spec: EnvSpec) -> PixelEnv:
    """The environment that a checkpoint was trained in."""
    return make_env(
        spec.name,
        cameras=spec.cameras,
        image_size=spec.image_size,
        horizon=spec.horizon,
        **spec.kwargs,
    )


def task_data(task: TaskConfig) -> Path:
    """Where a task's demonstrations lie unless the configuration says otherwise."""
    return Path("data") / f"{task.label}.hdf5"
