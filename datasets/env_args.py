"""Where a file comes from: `env_args`, and the command that made it.

`env_args` is the JSON in which robomimic's files name the environment of their demos.
"""

import json
from pathlib import Path
from typing import Any

import h5py

from calql_vision.datasets.env_args_types import checked_env_args, parsed_json
from calql_vision.datasets.hdf5_layout import DatasetError
from calql_vision.datasets.hdf5_open import open_dataset
from calql_vision.types import EnvSpec, as_range

#: robomimic's EnvType: what is not robosuite's is a Gymnasium environment.
ROBOSUITE_TYPE, GYM_TYPE = 1, 2
#: Keys of env_kwargs that an EnvSpec holds as fields of its own. robosuite's collection script
#: repeats the name there, and robomimic's conversion keeps it.
_SPEC_KWARGS = (
    "env_name", "camera_names", "camera_heights", "camera_widths", "horizon", "control_freq",
)  # fmt: skip
_ROBOSUITE = "robosuite/"
#: The arguments of what robosuite gathered, beside `env` and `repository_version`.
_GATHERED = "env_info"
#: Arguments of the family robosuite that are not robosuite's.
_NOT_ROBOSUITES = ("pretty", "proprio_keys")


def dump_env_args(spec: EnvSpec, versions: dict[str, str]) -> str:
    """The `env_args` JSON from which `env_spec` rebuilds `spec`.

    A robosuite environment is written as robomimic writes it, so that robomimic can rebuild it:
    robosuite's own name, version and arguments; ours stand beside them.
    """
    height, width = spec.image_size
    software = ", ".join(f"{name} {version}" for name, version in versions.items())
    shared = {
        "camera_names": list(spec.cameras),
        "camera_heights": height,
        "camera_widths": width,
        "horizon": spec.horizon,
        "control_freq": spec.control_hz,
    }
    env_args = {
        "env_name": spec.name,
        "env_version": software,
        "type": GYM_TYPE,
        "env_type": GYM_TYPE,
        "env_kwargs": shared | spec.kwargs,
        # Not robomimic's: the order in which the policy sees them is no property of HDF5.
        "proprio_keys": list(spec.proprio),
    }
    if spec.action_range:
        env_args["action_range"] = spec.to_dict()["action_range"]
    if spec.name.startswith(_ROBOSUITE):
        env_args |= _robosuite_env_args(spec, shared) | {"software": software}
    return json.dumps(env_args, indent=4)


def _robosuite_env_args(spec: EnvSpec, shared: dict[str, Any]) -> dict[str, Any]:
    ours = {name: value for name, value in spec.kwargs.items() if name in _NOT_ROBOSUITES}
    theirs = {name: value for name, value in spec.kwargs.items() if name not in ours}
    return {
        "env_name": spec.name.removeprefix(_ROBOSUITE),
        "env_version": theirs.pop("env_version", None),
        "type": ROBOSUITE_TYPE,
        "env_type": ROBOSUITE_TYPE,
        "env_kwargs": shared | theirs,
        "calql_vision": ours,
    }


def names_environment(file: h5py.File) -> bool:
    """Whether it has `env_args`, or what robosuite writes instead when it gathers recordings."""
    return not {"env_args", _GATHERED}.isdisjoint(file["data"].attrs)


def read_env_args(file: h5py.File) -> dict[str, Any]:
    """The parsed `env_args`, with `env_name` and `env_kwargs` in it. Raises DatasetError.

    Of what robosuite gathered: as robomimic's convert_robosuite.py would write it.
    """
    attributes, place = file["data"].attrs, file.filename
    if "env_args" in attributes:
        return checked_env_args(parsed_json(attributes["env_args"], "env_args", place), place)
    if not names_environment(file):
        raise DatasetError(
            f"{place}: data has no attribute 'env_args'; robomimic's convert_robosuite.py "
            "adds it to what robosuite gathered, or add JSON that names the environment"
        )
    gathered = {
        "env_name": attributes.get("env"),
        "env_version": attributes.get("repository_version"),
        "type": ROBOSUITE_TYPE,
        "env_kwargs": parsed_json(attributes[_GATHERED], _GATHERED, place),
    }
    return checked_env_args(gathered, place)


def camera_names(env_args: dict[str, Any]) -> list[str]:
    """The cameras that env_args lists; robosuite takes one name as well as a list of names."""
    names = env_args["env_kwargs"].get("camera_names") or []
    return [names] if isinstance(names, str) else list(names)


def env_spec(
    env_args: dict[str, Any],
    *,
    cameras: tuple[str, ...],
    image_size: tuple[int, int],
    proprio: dict[str, int],
    action_dim: int,
    longest: int,
) -> EnvSpec:
    """What env_args and the stored arrays say of the environment.

    Where env_args is silent, the horizon is the `longest` demo and control_hz is 0 (unknown).
    """
    name, further = environment(env_args)
    kwargs = env_args["env_kwargs"]
    return EnvSpec(
        name=name,
        cameras=cameras,
        image_size=image_size,
        proprio=proprio,
        action_dim=action_dim,
        horizon=int(kwargs.get("horizon") or longest),
        control_hz=float(kwargs.get("control_freq") or 0),
        kwargs=further,
        action_range=as_range(env_args.get("action_range")),
    )


def environment(env_args: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """What make_env takes: the name "family/task", and the arguments that no EnvSpec has as fields.

    robosuite's are told by robomimic's `type` (or `env_type`). They keep the control frequency,
    which changes the episode, and the version, because other versions take other arguments.
    """
    kwargs = env_args["env_kwargs"]
    further = {name: value for name, value in kwargs.items() if name not in _SPEC_KWARGS}
    if env_args.get("type", env_args.get("env_type")) != ROBOSUITE_TYPE:
        return env_args["env_name"], further
    stated = {
        "control_freq": kwargs.get("control_freq"),
        "env_version": env_args.get("env_version"),
    }
    further |= {name: value for name, value in stated.items() if value is not None}
    return _ROBOSUITE + env_args["env_name"], further | (env_args.get("calql_vision") or {})


def read_command(path: str | Path) -> str | None:
    """The command line that made a file of ours; None where the file does not tell."""
    with open_dataset(path) as file:
        command = file["data"].attrs.get("command")
    return command if isinstance(command, str) else None


def write_command(data: h5py.Group, command: str | None) -> None:
    """Beside env_args; of data that was taken over, what made the source is forgotten."""
    data.attrs.pop("command", None)
    if command is not None:
        data.attrs["command"] = command
