"""Other projects' data: which there are, and which one a path is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calql_vision.datasets.hdf5_layout import DatasetError
from calql_vision.formats.lerobot import is_lerobot
from calql_vision.formats.lerobot_read import LeRobotFolder
from calql_vision.formats.minari import MinariFolder, is_minari
from calql_vision.formats.npz import NpzFolder, is_npz_folder
from calql_vision.formats.robosuite import RobosuiteFolder, is_robosuite_folder
from calql_vision.formats.states import StatesFile


@dataclass(frozen=True)
class Format:
    """How a source is told from others, in words and by a look; and how it is opened."""

    summary: str
    recognise: Callable[[Path], bool]
    open: Callable[[Path], Any]  # a Recordings or a PixelSource, as `has_states` says
    has_states: bool  # to be rendered (Recordings), or with images of its own (PixelSource)


#: In the order in which they are tried.
SOURCES = {
    "robomimic": Format(
        "an HDF5 file in robomimic's layout, with `states`", Path.is_file, StatesFile, True
    ),
    "robosuite": Format(
        "a folder of robosuite's DataCollectionWrapper (ep_*/state_*.npz)",
        is_robosuite_folder,
        RobosuiteFolder,
        True,
    ),
    "minari": Format("a Minari dataset (metadata.json)", is_minari, MinariFolder, False),
    "lerobot": Format("a LeRobot dataset (meta/info.json)", is_lerobot, LeRobotFolder, False),
    "npz": Format("a folder of .npz episodes", is_npz_folder, NpzFolder, False),
}


def recognised(path: Path) -> Format:
    """What a path is. Raises DatasetError, with all that is understood."""
    if not path.exists():
        raise DatasetError(f"{path}: no such file or folder; check the path")
    for found in SOURCES.values():
        if found.recognise(path):
            return found
    understood = "; ".join(found.summary for found in SOURCES.values())
    raise DatasetError(f"{path}: nothing that convert understands, which is: {understood}")
