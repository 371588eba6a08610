"""The environment of a task, and the one that a checkpoint was trained in."""

from calql_vision.envs import make_env
from calql_vision.envs.recorded import check_recorded
from calql_vision.runs.config import TaskConfig
from calql_vision.types import EnvSpec, PixelEnv


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


def spec_env(spec: EnvSpec, typed: TaskConfig | None = None) -> PixelEnv:
    """The environment that a checkpoint was trained in.

    Raises ValueError where it asks for more than what is installed, unless that was `typed`.
    """
    check_recorded(
        "the checkpoint",
        spec.name,
        spec.kwargs,
        typed_name=None if typed is None else typed.name,
        typed_kwargs=None if typed is None else typed.kwargs,
    )
    return make_env(
        spec.name,
        cameras=spec.cameras,
        image_size=spec.image_size,
        horizon=spec.horizon,
        **spec.kwargs,
    )
