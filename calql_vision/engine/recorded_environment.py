"""The environment of recordings: what they state, what they show, what a person adds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from calql_vision.datasets.env_args import camera_names, environment
from calql_vision.datasets.hdf5_layout import DatasetError
from calql_vision.envs import make_env
from calql_vision.envs.recorded import check_recorded
from calql_vision.formats.robosuite_traces import (
    control_frequency,
    physics_steps,
    recorded_arguments,
    robots,
)
from calql_vision.formats.states import Recording, Recordings
from calql_vision.types import EnvSpec, PixelEnv

_ROBOSUITE = "robosuite/"


@dataclass(frozen=True)
class Wishes:
    """What a person says of the environment; it goes before what the recordings say."""

    env: str | None = None
    env_kwargs: dict[str, Any] = field(default_factory=dict)
    cameras: Sequence[str] | None = None
    image_size: int | None = None


def recorded_environment(
    recordings: Recordings, wishes: Wishes
) -> tuple[Callable[[], PixelEnv], EnvSpec]:
    """What builds it, and what it is like.

    Raises DatasetError for recordings that name no environment and for those that contradict the
    one they would be replayed in: another robot, control frequency or width of actions.
    """
    env_args, first = recordings.env_args(), recordings.read(recordings.names()[0])
    name, stated = environment(env_args)
    name = wishes.env or name
    if not name:
        raise DatasetError(
            f"{recordings.path}: names no environment; give env=family/task, or run robomimic's "
            "convert_robosuite.py on a file that robosuite gathered"
        )
    shown = recorded_arguments(first.states, first.model) if name.startswith(_ROBOSUITE) else {}
    arguments = shown | stated | wishes.env_kwargs
    check_recorded(
        recordings.path,
        name,
        arguments,
        typed_name=wishes.env,
        typed_kwargs=wishes.env_kwargs,
        words=("env", "env_kwargs"),
    )
    kwargs = env_args["env_kwargs"]
    stored_size = (kwargs.get("camera_heights"), kwargs.get("camera_widths"))
    rebuild = partial(
        make_env,
        name,
        cameras=wishes.cameras or camera_names(env_args) or None,
        image_size=wishes.image_size or (stored_size if all(stored_size) else None),
        horizon=kwargs.get("horizon"),
        **arguments,
    )
    return rebuild, _checked(recordings, first, rebuild, arguments)


def _checked(
    recordings: Recordings,
    first: Recording,
    rebuild: Callable[[], PixelEnv],
    arguments: dict[str, Any],
) -> EnvSpec:
    env: Any = rebuild()
    try:
        contradictions = _contradictions(first, env, arguments)
        if contradictions:
            raise DatasetError(f"{recordings.path}: {'; '.join(contradictions)}")
        if env.pixel_spec.name.startswith(_ROBOSUITE) and not _names_controller(arguments):
            print(
                f"{recordings.path} does not name its controller: replayed with robosuite's own "
                f"for this robot, {env.controller}; env_kwargs.controller=... where it was "
                "another"
            )
        return env.pixel_spec
    finally:
        env.close()


def _contradictions(first: Recording, env: Any, arguments: dict[str, Any]) -> list[str]:
    """Sentences about what the recording shows and the environment does not have."""
    spec, width, found = env.pixel_spec, first.actions.shape[1], []
    if spec.name.startswith(_ROBOSUITE):
        found += _about_robot(first, arguments)
        found += _about_clock(first, spec.control_hz)
    if width != spec.action_dim:
        takes, remedy = f"{spec.name} takes {spec.action_dim}", "check env and env_kwargs"
        if hasattr(env, "controllers_taking"):
            names = [f"env_kwargs.controller={name}" for name in env.controllers_taking(width)]
            takes = f"{spec.name} with {env.controller} takes {spec.action_dim}"
            remedy = f"say which controller it was: {' or '.join(names) or 'no other fits'}"
        found.append(f"its actions have {width} numbers, but {takes}; {remedy}")
    return found


def _about_robot(first: Recording, arguments: dict[str, Any]) -> list[str]:
    shown, given = robots(first.model), arguments.get("robots") or []
    given = [given] if isinstance(given, str) else given
    if not shown or any(name.lower().startswith(shown[0]) for name in given):
        return []
    asked = ", ".join(given)
    return [f"its models have the robot {shown[0]}, not {asked}; env_kwargs.robots={shown[0]}"]


def _about_clock(first: Recording, control_hz: float) -> list[str]:
    recorded = control_frequency(first.states)
    if recorded is None or physics_steps(recorded) == physics_steps(control_hz):
        return []
    return [
        f"the clock in its states says {recorded:g} steps per second, not {control_hz:g}; "
        f"env_kwargs.control_freq={recorded:g}"
    ]


def _names_controller(arguments: dict[str, Any]) -> bool:
    return bool(arguments.get("controller") or arguments.get("controller_configs"))
