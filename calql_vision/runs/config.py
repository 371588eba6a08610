"""What a run is about: its task, the amounts of everything, its demonstrations."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from calql_vision.datasets.byte_size import parse_bytes


@dataclass
class TaskConfig:
    """The task, what is seen of it and how the future is discounted."""

    name: str = "tabletop/lift"  # "family/task"
    dataset: str | None = None  # the demonstrations' own name, where a task has several kinds
    cameras: list[str] | None = None  # in order; null: the family's own choice
    image_size: int = 48  # side of the square images, pixels
    horizon: int | None = None  # steps; null: the task's own, or what demonstrations need
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


@dataclass
class ScaleConfig:
    """Amounts for a task of ordinary effort; `task.effort` multiplies those of training."""

    episodes: int = 150  # demonstrations to collect
    updates: int = 6000  # gradient steps of pre-training
    value_travels: float = 2.0  # ... or so many times what a value needs to travel, where more
    online_steps: int = 2500  # environment steps of fine-tuning
    log_every: int = 200  # gradient steps of pre-training per row of metrics
    evaluations: int = 5  # periodic evaluations per training stage
    validation_episodes: int = 25  # of each periodic evaluation
    evaluation_episodes: int = 100  # of the stage `evaluate`


@dataclass
class DataConfig:
    """Which demonstrations, and what of them."""

    path: str | None = None  # null: data/<task>.hdf5
    filter_key: str | None = None  # an entry of the file's mask group; null: all demos
    proprio_keys: list[str] | None = None  # null: those of the environment
    memory_budget: str | None = "8GiB"  # more pixels than this stay on disk; null: never
    frame_store: str | None = None  # folder for those pixels; null: <path>.frames

    def budget(self) -> int | None:
        """`memory_budget` in bytes. Raises ValueError."""
        try:
            return None if self.memory_budget is None else parse_bytes(self.memory_budget)
        except ValueError as error:
            raise ValueError(f"data.memory_budget: {error}") from error


def task_data(task: TaskConfig) -> Path:
    """Where a task's demonstrations lie unless the configuration says otherwise."""
    return Path("data") / f"{task.label}.hdf5"
