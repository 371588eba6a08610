"""Other projects' data: which there are, and which one a path is."""

from pathlib import Path

import h5py

from calql_vision.configs.entry_points import Table
from calql_vision.datasets.hdf5_layout import DatasetError, demo_names
from calql_vision.datasets.hdf5_open import open_dataset
from calql_vision.datasets.hdf5_write import EpisodeWriter
from calql_vision.formats.format import Format, WriteOptions
from calql_vision.formats.lerobot import is_lerobot
from calql_vision.formats.lerobot_read import LeRobotFolder
from calql_vision.formats.lerobot_write import LeRobotWriter
from calql_vision.formats.minari import MinariFolder, is_minari
from calql_vision.formats.npz import NpzFolder, is_npz_folder
from calql_vision.formats.robosuite import RobosuiteFolder, is_robosuite_folder
from calql_vision.formats.states import StatesFile
from calql_vision.types import EnvSpec


def is_hdf5(path: Path) -> bool:
    """Whether a file is HDF5, or is called so: what is wrong with it is for its reader to say."""
    return path.is_file() and (path.suffix in (".hdf5", ".h5") or h5py.is_hdf5(path))


def write_hdf5(path: Path, spec: EnvSpec, options: WriteOptions) -> EpisodeWriter:
    """In robomimic's layout."""
    return EpisodeWriter(
        path,
        spec,
        versions=options.versions,
        compression=options.compression,
        next_obs=options.next_obs,
        done_mode=options.done_mode,
        command=options.command,
    )


def write_lerobot(path: Path, spec: EnvSpec, options: WriteOptions) -> LeRobotWriter:
    """Version 3.0, as a folder."""
    return LeRobotWriter(
        path,
        spec,
        versions=options.versions,
        instruction=options.instruction,
        lossless=options.lossless,
    )


_OURS = {
    "hdf5": Format(
        "an HDF5 file in robomimic's layout, with `states`",
        is_hdf5,
        StatesFile,
        has_states=True,
        write=write_hdf5,
        ending="pixels.hdf5",
    ),
    "robosuite": Format(
        "a folder of robosuite's DataCollectionWrapper (ep_*/state_*.npz)",
        is_robosuite_folder,
        RobosuiteFolder,
        has_states=True,
    ),
    "minari": Format("a Minari dataset (metadata.json)", is_minari, MinariFolder),
    "lerobot": Format(
        "a LeRobot dataset (meta/info.json)",
        is_lerobot,
        LeRobotFolder,
        write=write_lerobot,
        ending="lerobot",
    ),
    "npz": Format("a folder of .npz episodes", is_npz_folder, NpzFolder),
}
#: name -> format, in the order in which they are tried: other packages' last, so that they are not
#: imported to read one of ours.
FORMATS = Table("calql_vision.formats", _OURS, Format)


def recognised(path: Path) -> Format:
    """What a path is. Raises DatasetError, with all that is understood."""
    if not path.exists():
        raise DatasetError(f"{path}: no such file or folder; check the path")
    for found in FORMATS.values():
        if found.recognise(path):
            return found
    understood = "; ".join(found.summary for found in FORMATS.values())
    raise DatasetError(f"{path}: nothing that convert understands, which is: {understood}")


def check_converted(path: Path) -> None:
    """Raises DatasetError for data without an HDF5 file's images, with the command that helps.

    What does not exist, or is no data at all, is for its reader to refuse.
    """
    if not path.exists() or (is_hdf5(path) and not has_states_alone(path)):
        return
    found = recognised(path)
    output = path.resolve().with_suffix("").name + "_pixels.hdf5"
    raise DatasetError(
        f"{path} is {found.summary}, without images to learn from directly; convert it first: "
        f"calql-vision convert source={path} output={path.parent / output}"
    )


def has_states_alone(path: Path) -> bool:
    """Whether the first demo of an HDF5 file has `states` to be rendered, and no image."""
    with open_dataset(path) as file:
        demo = file["data"][demo_names(file)[0]]
        observed = demo.get("obs", {})
        return "states" in demo and not any(observed[key].ndim == 4 for key in observed)


def writable(name: str) -> Format:
    """The format that results shall have. Raises ValueError for one that cannot be written."""
    if name not in FORMATS or FORMATS[name].write is None:
        valid = [ours for ours, row in _OURS.items() if row.write] + FORMATS.foreign()
        raise ValueError(f"format={name!r} cannot be written; choose {' or '.join(valid)}")
    return FORMATS[name]
