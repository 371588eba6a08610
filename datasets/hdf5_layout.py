"""What reading and writing share: opening the file, its demos, filter keys and env_args."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from calql_vision.types import EnvSpec

IMAGE_SUFFIX = "_image"
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


class DatasetError(ValueError):
    """A file of demonstrations is not as it should be; one sentence: place, fault, remedy."""


@contextmanager
def open_dataset(path: str | Path) -> Iterator[h5py.File]:
    """The file, opened for reading; DatasetError if it is missing, foreign or damaged."""
    path = Path(path)
    if not path.is_file():
        raise DatasetError(f"{path}: no such file; check the path or collect demonstrations first")
    if not h5py.is_hdf5(path):
        raise DatasetError(f"{path}: not an HDF5 file; give a file in robomimic's layout")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise DatasetError(
            f"{path}: truncated or damaged ({error}); copy, download or collect it again"
        ) from error
    with file:
        if not isinstance(file.get("data"), h5py.Group):
            raise DatasetError(f"{path}: no group 'data'; give a file in robomimic's layout")
        yield file


def filter_keys(file: h5py.File) -> dict[str, list[str]]:
    """Names of demos by filter key, as the file's `mask` group lists them."""
    masks = file.get("mask", {})
    return {key: _in_order([_text(name) for name in masks[key][:]]) for key in masks}


def demo_names(file: h5py.File, filter_key: str | None = None) -> list[str]:
    """Names of the demos, by number; all of them, or those that `mask/<filter_key>` lists."""
    names = _in_order([n for n, item in file["data"].items() if isinstance(item, h5py.Group)])
    if filter_key is not None:
        names = _listed_demos(file, filter_key)
    if not names:
        place = "data" if filter_key is None else f"mask/{filter_key}"
        raise DatasetError(f"{file.filename}: {place} holds no demo; collect demonstrations first")
    return names


def _listed_demos(file: h5py.File, filter_key: str) -> list[str]:
    masks = filter_keys(file)
    if filter_key not in masks:
        raise DatasetError(
            f"{file.filename}: no filter key {filter_key!r}; it has {listing(masks)}"
        )
    for name in masks[filter_key]:
        if name not in file["data"]:
            raise DatasetError(
                f"{file.filename}: mask/{filter_key} lists {name}, which data does not hold; "
                f"choose another filter key or write the mask again"
            )
    return masks[filter_key]


def _in_order(names: list[str]) -> list[str]:
    """Sorted by the numbers inside the names: demo_2 before demo_10."""
    return sorted(
        names, key=lambda name: [int(s) if s.isdigit() else s for s in re.split(r"(\d+)", name)]
    )


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name


def listing(names: Iterable[str]) -> str:
    """The valid choices, for an error's sentence."""
    return ", ".join(sorted(names)) or "none"


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
    """The parsed `env_args`, with `env_name` and `env_kwargs` in it.

    Of what robosuite gathered: as robomimic's convert_robosuite.py would write it.
    """
    attributes = file["data"].attrs
    if not names_environment(file):
        raise DatasetError(
            f"{file.filename}: data has no attribute 'env_args'; robomimic's convert_robosuite.py "
            "adds it to what robosuite gathered, or add JSON that names the environment"
        )
    key = "env_args" if "env_args" in attributes else _GATHERED
    try:
        env_args = json.loads(attributes[key])
    except ValueError as error:
        raise DatasetError(
            f"{file.filename}: {key} is not JSON ({error}); write it again"
        ) from error
    if key == _GATHERED:
        env_args = {
            "env_name": attributes.get("env"),
            "env_version": attributes.get("repository_version"),
            "type": ROBOSUITE_TYPE,
            "env_kwargs": env_args,
        }
    if not isinstance(env_args, dict) or "env_name" not in env_args:
        raise DatasetError(f"{file.filename}: env_args names no 'env_name'; add it")
    return env_args | {"env_kwargs": env_args.get("env_kwargs") or {}}


def read_command(path: str | Path) -> str | None:
    """The command line that made a file of ours; None where the file does not tell."""
    with open_dataset(path) as file:
        return file["data"].attrs.get("command")


def write_command(data: h5py.Group, command: str | None) -> None:
    """Beside env_args; of data that was taken over, what made the source is forgotten."""
    data.attrs.pop("command", None)
    if command is not None:
        data.attrs["command"] = command


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
    return _ROBOSUITE + env_args["env_name"], further | env_args.get("calql_vision", {})
